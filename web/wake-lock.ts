/** What keeps the screen on: the browser by its promise, a video by its habit, or nothing. */
export type Awake = "lock" | "video" | "none";

/*
 * Pages on plain http have no Screen Wake Lock. Chromium and Firefox keep the screen on while a video plays that is in
 * view; a muted one of any size will do if it is a stream. Safari wants one with sound, which a page must not force on
 * anybody.
 */
async function playStream(): Promise<boolean> {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 2;
  const context = canvas.getContext("2d");
  if (context === null || !("captureStream" in canvas) || "GestureEvent" in window) return false;
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  video.setAttribute("aria-hidden", "true");
  video.className = "awake";
  video.srcObject = canvas.captureStream();
  document.body.append(video);
  const draw = (): void => context.fillRect(0, 0, 2, 2);
  draw();
  setInterval(draw, 5000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void video.play().catch(() => {});
  });
  return video.play().then(
    () => true,
    () => (video.remove(), false),
  );
}

/** Keeps the screen on while the page is in view; says what does so, now and whenever that changes. */
export async function keepAwake(onChange: (awake: Awake) => void): Promise<void> {
  if (!("wakeLock" in navigator)) return onChange((await playStream()) ? "video" : "none");
  let held: WakeLockSentinel | null = null;
  const take = async (): Promise<void> => {
    if (document.hidden || held?.released === false) return;
    try {
      held = await navigator.wakeLock.request("screen");
      onChange("lock");
    } catch {
      // For example with a low battery; Safari gives it only after a touch.
      onChange("none");
    }
  };
  // The system takes the lock back when the page is hidden.
  document.addEventListener("visibilitychange", () => void take());
  document.addEventListener("click", () => void take());
  await take();
}
