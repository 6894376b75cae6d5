import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const folders = [
  ...(process.env["PATH"] ?? "").split(delimiter),
  "/usr/bin",
  "/Applications/Google Chrome.app/Contents/MacOS",
  "/Applications/Chromium.app/Contents/MacOS",
];

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A Chromium on this machine: `CHROMIUM_PATH`, one that is installed, or Playwright's own; null for none. */
function findChromium(): string | null {
  const told = process.env["CHROMIUM_PATH"];
  if (told !== undefined && told !== "") return isProgram(told) ? told : null;
  const installed = folders.flatMap((dir) => [...names, "Google Chrome", "Chromium"].map((name) => join(dir, name)));
  return [...installed, chromium.executablePath()].find(isProgram) ?? null;
}

export const browserPath = findChromium();

/** For the names of tests: why they are skipped. */
export const skipReason = browserPath === null ? " (skipped: no Chromium here; install one, or set CHROMIUM_PATH)" : "";

// Chromium refuses to sandbox what root starts, and containers have little shared memory.
const flags = process.getuid?.() === 0 ? ["--no-sandbox", "--disable-dev-shm-usage"] : [];
/** WebGPU without a GPU: Chromium's own, which computes on the CPU. */
const gpuFlags = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];

/** A real browser, without a window; its own process id beside it. */
export async function openBrowser(options: { readonly hasGpu?: boolean } = {}) {
  if (browserPath === null) throw new Error("internal: tests of browsers are to be skipped where there is none");
  const args = [...flags, ...(options.hasGpu === true ? gpuFlags : [])];
  const server = await chromium.launchServer({ executablePath: browserPath, args });
  const browser = await chromium.connect(server.wsEndpoint());
  return {
    browser,
    pid: server.process().pid!,
    close: async (): Promise<void> => {
      await browser.close();
      await server.close();
    },
  };
}

const read = (file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // The process ended meanwhile.
    return "";
  }
};
const parentOf = (pid: number): number => Number(read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ")[1] ?? 0);
const isUnder = (pid: number, root: number): boolean => pid === root || (pid > 1 && isUnder(parentOf(pid), root));

/** Ends the process of a browser that does its graphics, as a driver that crashes does; on Linux. */
export function killGpu(browser: number): void {
  const pids = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const isGpu = (pid: number): boolean => read(`/proc/${pid}/cmdline`).includes("--type=gpu-process");
  for (const pid of pids) if (isGpu(pid) && isUnder(pid, browser)) process.kill(pid, "SIGKILL");
}

export type { Browser, Page };
