import {
  closeCodes,
  heartbeatMs,
  protocolVersion,
  socketPath,
  type DeviceMessage,
  type Hello,
  type Job,
  type SearchMessage,
} from "../src/device/remote/messages.ts";

/** How the page stands to the search. */
export type Link =
  | { readonly kind: "connecting" }
  | { readonly kind: "joined"; readonly name: string }
  /** Dials again by itself at that time. */
  | { readonly kind: "lost"; readonly reason: string; readonly retryAt: number }
  /** Does not dial again by itself. */
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "replaced" };

/** By what a device may join; kept over reloads. */
export interface Pass {
  readonly token?: string;
  readonly session?: string;
}

interface Options {
  readonly who: Omit<Hello, "kind" | "protocol" | "token" | "session" | "name">;
  /** The name that it would like now. */
  readonly name: () => string;
  readonly pass: () => Pass;
  readonly onLink: (link: Link) => void;
  /** `session` is what to come back with. */
  readonly onWelcome: (name: string, session: string) => void;
  readonly onRefused: () => void;
  readonly onJob: (job: Job, model: Uint8Array) => void;
  readonly onCancel: (id: string) => void;
}

export interface Connection {
  send(message: DeviceMessage): void;
  /** Dials now, ending the connection that there may be. */
  dial(): void;
  /** Dials unless connected: when the page has woken up. */
  wake(): void;
}

/** Pauses before dialling again grow from the first to the last. */
const firstRetryMs = 500;
const lastRetryMs = 8000;
/** An attempt that has not ended in this time is given up. */
const dialMs = 10_000;

const reasons: Readonly<Record<number, string>> = {
  [closeCodes.ended]: "The search has ended, or stopped for now.",
  [closeCodes.misbehaved]: "The search did not understand this page.",
  [closeCodes.silent]: "The search heard nothing from this device.",
};

/** Whether a model is what was sent; only secure contexts can compute a digest. */
async function isIntact({ bytes, sha256 }: Job, model: Uint8Array<ArrayBuffer>): Promise<boolean> {
  if (model.length !== bytes) return false;
  if (!isSecureContext) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", model));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") === sha256;
}

/** Keeps a connection to the search that served this page. */
export function connect(options: Options): Connection {
  const { who, name, pass, onLink, onWelcome, onRefused, onJob, onCancel } = options;
  let socket: WebSocket | null = null;
  let heard = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let retryMs = firstRetryMs;
  let isFinal = false;

  const lose = (reason: string): void => {
    socket = null;
    onLink({ kind: "lost", reason, retryAt: Date.now() + retryMs });
    clearTimeout(retry);
    retry = setTimeout(dial, retryMs);
    retryMs = Math.min(lastRetryMs, 1.6 * retryMs);
  };
  /** Ends a connection of which nothing more is to be heard. */
  const leave = (): void => {
    const last = socket;
    socket = null;
    last?.close(1000);
  };

  const dial = (): void => {
    leave();
    clearTimeout(retry);
    isFinal = false;
    const own = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${socketPath}`);
    socket = own;
    own.binaryType = "arraybuffer";
    heard = Date.now();
    onLink({ kind: "connecting" });
    let pending: Job | null = null;

    const take = (message: SearchMessage): void => {
      switch (message.kind) {
        case "welcome":
          retryMs = firstRetryMs;
          onWelcome(message.name, message.session);
          return onLink({ kind: "joined", name: message.name });
        case "refused":
          isFinal = true;
          onRefused();
          return onLink({ kind: "refused", reason: message.reason });
        case "job":
          pending = message;
          return;
        case "cancel":
          if (pending?.id === message.id) pending = null;
          return onCancel(message.id);
        case "ping":
          return;
      }
    };
    const takeModel = async (model: Uint8Array<ArrayBuffer>): Promise<void> => {
      const job = pending;
      // That of a job which was cancelled meanwhile is nobody's.
      if (job === null) return;
      const isWhole = await isIntact(job, model);
      if (socket !== own || pending !== job) return;
      pending = null;
      if (isWhole) return onJob(job, model);
      leave();
      lose("A network was damaged on its way.");
    };
    own.addEventListener("open", () => {
      if (socket !== own) return;
      const hello: Hello = { kind: "hello", protocol: protocolVersion, ...pass(), name: name(), ...who };
      own.send(JSON.stringify(hello));
    });
    own.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (socket !== own) return;
      heard = Date.now();
      if (typeof data === "string") return take(JSON.parse(data) as SearchMessage);
      void takeModel(new Uint8Array(data));
    });
    own.addEventListener("close", ({ code }) => {
      if (socket !== own) return;
      if (isFinal) return void (socket = null);
      if (code === closeCodes.replaced) {
        socket = null;
        isFinal = true;
        return onLink({ kind: "replaced" });
      }
      lose(reasons[code] ?? "There is no answer from the search.");
    });
  };

  // A network that went away says nothing, and a phone that slept heard nothing.
  setInterval(() => {
    if (socket === null) return;
    const patienceMs = socket.readyState === WebSocket.CONNECTING ? dialMs : 3 * heartbeatMs;
    if (Date.now() - heard < patienceMs) return;
    leave();
    lose("There is no answer from the search.");
  }, 1000);
  dial();

  return {
    send: (message) => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
    dial,
    wake: () => {
      if (!isFinal && socket === null) dial();
    },
  };
}
