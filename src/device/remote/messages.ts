import type { NetTiming } from "../../latency.ts";
/*
 * What a search and a device say to each other over a WebSocket: text frames of JSON, one message each, and a binary
 * frame for each model. A browser dials the search at `socketPath` of the address that its page came from; a search
 * dials a `mnas device serve`. Whoever dials, the device speaks first, with `hello`.
 *
 *   device                          search
 *   hello                     →
 *                             ←     welcome                    (or refused, and the connection is closed)
 *                             ←     job, then a binary frame   (one job at a time)
 *   started                   →
 *   result or failed          →
 *                             ←     cancel                     (instead of waiting for that)
 *
 * This file has no imports, so that a page can use it. Every message has exactly the fields named here: one with others,
 * or of the wrong type, ends the connection.
 */

export const protocolVersion = 1;

/** Where a page dials: `ws://HOST:PORT/socket`. */
export const socketPath = "/socket";

/** The search says something at least this often; a page that hears nothing for three times as long may dial again. */
export const heartbeatMs = 10_000;

/** Bounds that the search enforces. */
export const limits = {
  /** Characters of a text frame from a device; before `welcome`, `helloChars`. */
  messageChars: 262_144,
  helloChars: 8192,
  /** `samples` of a result. */
  samples: 10_000,
  /** Characters of each text in a message, and of a `message` or `reason` for people. */
  textChars: 200,
  reasonChars: 1000,
  /** Bytes of a model. */
  modelBytes: 2 ** 29,
  /** `runtimes` of a hello. */
  runtimes: 8,
  /** Messages a device may send at once, and in each second after that. */
  burst: 30,
  perSecond: 10,
} as const;

/** Codes with which a connection is closed, apart from those of WebSockets. */
export const closeCodes = {
  /** The search has ended, or the device left. A page may dial again with its session: another search may begin. */
  ended: 1001,
  /** `refused` said why. Dialling again with the same token and session is of no use. */
  refused: 4001,
  /** The session joined by another connection, for example from a second tab. Do not dial again by yourself. */
  replaced: 4002,
  /** A message that was malformed, too large, too frequent or not credible. A page may dial again with its session. */
  misbehaved: 4003,
  /** The other side was silent, or did not finish a job in time. A page may dial again with its session. */
  silent: 4004,
} as const;

export type Format = "onnx" | "tflite";

/** What pages of ours may offer, in the order of preference. */
export const pageRuntimes = ["onnx-wasm", "litert-wasm", "onnx-webgpu", "litert-webgpu"] as const;
export type PageRuntime = (typeof pageRuntimes)[number];

/** A runtime that a device offers. */
export interface RuntimeOffer {
  /** One of {@link pageRuntimes}, or `onnx-cpu`: what follows @ in a device's name. */
  readonly id: string;
  /** For people and records: "ONNX Runtime Web", "LiteRT.js", "ONNX Runtime". */
  readonly runtime: string;
  readonly version: string;
  /** What of the runtime runs models: "WebAssembly", "WebGPU", "CPU". */
  readonly provider: string;
  /** Threads of the CPU that it uses, 1 or more; 1 for a GPU. */
  readonly threads: number;
  readonly format: Format;
}

/** The first message of a device. */
export interface Hello {
  readonly kind: "hello";
  readonly protocol: number;
  /** From the fragment of the page's address, `http://HOST:PORT/#TOKEN`; works once. */
  readonly token?: string;
  /** From the `welcome` of an earlier connection; instead of a token, also after the search was started again. */
  readonly session?: string;
  /** The name that the device would like, for example "pixel-8", or has; `welcome` says which it has now. */
  readonly name: string;
  /** Which hardware, for example "Pixel 8" or "AMD EPYC". */
  readonly device: string;
  /** Operating system and, in a browser, the browser: "Android 15, Chrome 131". */
  readonly os: string;
  readonly userAgent?: string;
  /** What it can measure with, the default first; at least one. */
  readonly runtimes: readonly RuntimeOffer[];
}

/** The device may stay. */
export interface Welcome {
  readonly kind: "welcome";
  /** Its name among the devices: what follows `page:`. Lower-case letters, digits and hyphens. */
  readonly name: string;
  /**
   * Keep it (a page: in localStorage) and say it in the next `hello`. The same as before when it came by one; empty for
   * a device that was dialled.
   */
  readonly session: string;
}

/** The device may not stay; the connection is closed with `closeCodes.refused`. */
export interface Refused {
  readonly kind: "refused";
  /** One sentence for the person at the device. */
  readonly reason: string;
}

/** How to time a job: the protocol of ../protocol.ts, with every option given. */
export interface JobOptions {
  readonly loadMs: number;
  readonly warmupMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly minRuns: number;
  readonly tolerance: number;
  /** Longest time from `job` to `started`; then the search takes the device for lost. */
  readonly startMs: number;
}

/** Measure one network. The model is the next frame, a binary one. */
export interface Job {
  readonly kind: "job";
  /** Random, never used again. */
  readonly id: string;
  /** For people: a file, or the notation of an architecture (up to some hundred characters). */
  readonly name: string;
  /** `id` of one of the device's runtimes, and its format. */
  readonly runtime: string;
  readonly format: Format;
  /** Size and SHA-256 (lower-case hexadecimal) of the model. A page that is no secure context cannot check the latter. */
  readonly bytes: number;
  readonly sha256: string;
  readonly options: JobOptions;
}

/** The model is loaded, and ran once; warm-up begins. Once for each job. */
export interface Started {
  readonly kind: "started";
  readonly id: string;
}

/** Times of one image each, from which the search takes median, interval and 90th percentile. */
export interface Result {
  readonly kind: "result";
  readonly id: string;
  /**
   * Milliseconds of one run, each the mean of `batch` runs timed together; in the order in which they were taken, at
   * least `minRuns` of them. Above 0, and together no longer than the job took.
   */
  readonly samples: readonly number[];
  /** Runs per sample, 1 or more: as many as make a sample much longer than `timerMs`. */
  readonly batch: number;
  /** Runs before those, not timed or not counted. */
  readonly warmup: number;
  /** Resolution of the device's clock; 0 when it is finer than can be told. */
  readonly timerMs: number;
  /** What a run of a model that does nothing takes, to be subtracted from each sample; left out for 0. */
  readonly overheadMs?: number;
  /** Whether something else kept the device from its full speed; left out for false. */
  readonly isUnstable?: boolean;
}

/** What a measurement says of a machine that runs mnas itself: it has its own statistics, of several rounds. */
export interface Measured extends NetTiming {
  readonly kind: "measured";
  readonly id: string;
}

/** The job ends without a result. */
export interface Failed {
  readonly kind: "failed";
  readonly id: string;
  /**
   * `MODEL_INVALID`: this model does not run here, and never will (an operation is missing, it does not fit into
   * memory). `DEVICE_UNAVAILABLE`: nothing runs here now (the GPU was lost); the search closes the connection, and gives
   * the job again when the device has joined again.
   */
  readonly code: "MODEL_INVALID" | "DEVICE_UNAVAILABLE";
  /** For people, without a final period: "Gemm is not supported". */
  readonly message: string;
}

/**
 * The device cannot measure for a while, for example because its page is hidden or its battery is low; until `resumed`,
 * the search waits, and tells its user. Runs that were under way are to be timed again.
 */
export interface Paused {
  readonly kind: "paused";
  /** For people, without a final period: "the page is hidden". */
  readonly reason: string;
}

export interface Resumed {
  readonly kind: "resumed";
}

/** Another search is being served (`mnas device serve` alone says this); `hello` follows when it has ended. */
export interface Waiting {
  readonly kind: "waiting";
  /** Searches that come before. */
  readonly ahead: number;
}

/** Stop this job; nothing about it is expected any more, and what was sent already is ignored. */
export interface Cancel {
  readonly kind: "cancel";
  readonly id: string;
}

/**
 * Sent every `heartbeatMs`; needs no answer. The search finds out about the device by pings of the WebSocket, which a
 * browser answers by itself.
 */
export interface Ping {
  readonly kind: "ping";
}

/** What a device says. */
export type DeviceMessage = Hello | Started | Result | Measured | Failed | Paused | Resumed | Waiting;

/** What a search says. */
export type SearchMessage = Welcome | Refused | Job | Cancel | Ping;
