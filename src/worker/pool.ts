import { fork, type ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { tellDamage } from "../data/damage.ts";
import type { Dataset } from "../data/dataset.ts";
import { fileDataset } from "../data/filed.ts";
import { MnasError, type ErrorCode } from "../errors.ts";
import { killGroup } from "../evaluator/process.ts";
import { tellStoreWait } from "../store/patience.ts";
import type { Store, Trial } from "../store/store.ts";
import { describeMemory, memoryHere, watchKills, type memoryKills } from "../util/machine.ts";
import { childOptions } from "../util/signals.ts";
import { boundWorkers, type Bound } from "./bound.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

export interface PoolOptions {
  /** The most workers at a time. */
  readonly count: number;
  /** Bytes that a worker takes for a trial, where mnas itself trains; fewer workers start where memory is short. */
  readonly bytesOf?: ((trial: Trial) => number) | undefined;
  /** Told, once for each reason, that fewer workers start than `count` and the trainings allow. */
  readonly onBound?: (bound: Bound) => void;
  readonly runDir: string;
  readonly store: Store;
  /** The images to train on, of which workers make no copies. */
  readonly dataset: Dataset;
  readonly onMessage: (message: FromWorker, worker: string) => void;
  /** A worker ended without being asked to, with a trial or without; `message` says why and who goes on. */
  readonly onDeath: (message: string, trial: Trial | null) => void;
  /** How many processes the system has killed for want of memory. */
  readonly kills?: typeof memoryKills;
}

/** Worker processes that train the measured trials of a study. */
export interface Pool extends AsyncDisposable {
  /** Resolves when no measured trial waits or runs; rejects when the workers cannot work. */
  drain(signal: AbortSignal): Promise<void>;
}

interface Worker {
  readonly name: string;
  readonly process: ChildProcess;
  isReady: boolean;
  isIdle: boolean;
  /** Whether it said that the system gave it no memory. */
  isStarved: boolean;
  /** What it has started itself. */
  program: number | null;
}

/** Several deaths in a row without a trial in hand mean that workers cannot work here; others are the trial's. */
const maxIdleDeaths = 3;

const killed = (signal: NodeJS.Signals): MnasError =>
  new MnasError("WORKER_UNAVAILABLE", `Cannot train: all workers were killed (${signal}) before they had a network`, {
    hint: "This machine may be short of memory: continue with --resume and fewer --workers.",
  });

const starved = (): MnasError =>
  new MnasError(
    "MEMORY_FULL",
    `Cannot train: memory is short even for one worker; ${describeMemory(memoryHere())}, and the system gave it no more or killed it`,
    {
      hint: "Give it more memory and continue with --resume: nothing recorded is lost, and what was killed is trained then.",
    },
  );

/** A pool of `count` worker processes. They start when they are needed: starting would disturb measurements. */
export function startPool(options: PoolOptions): Pool {
  const { count, bytesOf, onBound = () => {}, runDir, store, dataset, onMessage, onDeath, kills } = options;
  const filed = fileDataset(dataset);
  const workers = new Set<Worker>();
  const started = Date.now();
  let serial = 0;
  let idleDeaths = 0;
  /** Workers that the memory allows, as far as is known. */
  let most = count;
  /** Workers that the trainings at hand and the memory for them allow. */
  let wanted = 0;
  const { available } = memoryHere();
  const told = new Set<string>();
  const isKilledForMemory = watchKills(kills);
  let failure: Error | null = null;
  let isClosing = false;
  let isDraining = false;
  let changed: () => void = () => {};

  /** For what answers a worker: an error ends all work. */
  const attempt = <T>(answer: () => T): T | null => {
    try {
      return answer();
    } catch (error) {
      failure ??= error as Error;
      return null;
    }
  };

  const tell = (worker: Worker, message: ToWorker): void => {
    // One that has just been killed cannot hear it; its end is told by `exit`.
    if (worker.process.connected) worker.process.send(message, () => {});
  };

  /** After the death of a worker: one that had too little memory is not replaced. */
  const replace = ({ name, isStarved }: Worker, code: number | null, signal: NodeJS.Signals | null): void => {
    const isForMemory = isStarved || isKilledForMemory(signal);
    const trial = attempt(() => store.release(name, failure === null && !isForMemory));
    let says = `worker ${name} died (${signal ?? `exit code ${code}`}); another takes its place`;
    if (isForMemory) {
      most = Math.min(most, workers.size);
      if (most === 0) failure ??= starved();
      const goOn = most === 1 ? "1 worker goes" : `${most} workers go`;
      says = `worker ${name} had too little memory (${signal ?? "the system gave it no more"}); ${goOn} on`;
    } else {
      idleDeaths = trial === null ? idleDeaths + 1 : 0;
      if (idleDeaths > maxIdleDeaths * count)
        failure ??= signal === null ? new Error(`internal: workers cannot work (${code})`) : killed(signal);
    }
    if (failure === null) attempt(() => onDeath(says, trial));
    if (failure === null && workers.size < Math.min(most, wanted)) start();
  };

  const start = (): void => {
    const name = `${process.pid}-${started}-${serial++}`;
    const entry = fileURLToPath(new URL(`./main${extname(import.meta.url)}`, import.meta.url));
    // Workers write nothing to standard output: it belongs to the results of the command.
    const child = fork(entry, [runDir, name], {
      execArgv: [...process.execArgv, ...childOptions],
      stdio: ["ignore", "ignore", "inherit", "ipc", filed.fd],
    });
    const worker: Worker = { name, process: child, isReady: false, isIdle: false, isStarved: false, program: null };
    workers.add(worker);

    child.on("message", (message: FromWorker) => {
      if (message.kind === "ready") {
        worker.isReady = true;
        if (isDraining) tell(worker, { kind: "work" });
      } else if (message.kind === "idle") worker.isIdle = true;
      else if (message.kind === "damage") tellDamage(message.damage);
      else if (message.kind === "held") tellStoreWait(message.message);
      else if (message.kind === "program") worker.program = message.pid;
      else if (message.kind === "ended") idleDeaths = 0;
      else if (message.kind === "unable" && message.code === "MEMORY_FULL") worker.isStarved = true;
      else if (message.kind === "unable") {
        const code = message.code as ErrorCode;
        failure ??= new MnasError(code, message.message, message.hint === null ? {} : { hint: message.hint });
      }
      if (failure === null) attempt(() => onMessage(message, name));
      changed();
    });
    child.on("exit", (code, signal) => {
      workers.delete(worker);
      if (worker.program !== null) killGroup(worker.program);
      if (!isClosing) replace(worker, code, signal);
      changed();
    });
  };

  const openTrials = (): Trial[] =>
    (["search", "final"] as const).flatMap((phase) =>
      store
        .trials(phase)
        .filter(({ state, latency }) => latency !== null && (state === "waiting" || state === "running")),
    );

  /** How many workers the open trials need, and the memory allows. */
  const wantedFor = (open: readonly Trial[]): number => {
    const isKnown = bytesOf !== undefined && available !== null && most > 1;
    const memory = isKnown ? { available, each: Math.max(...open.map(bytesOf)) } : null;
    const bound = boundWorkers({ cores: null, trainings: open.length, memory });
    // Nobody wonders at one training that takes one worker.
    if (bound.count < Math.min(most, open.length) && !told.has(bound.why)) onBound(bound);
    told.add(bound.why);
    return Math.min(most, bound.count);
  };

  return {
    async drain(signal) {
      isDraining = true;
      const wake = (): void => changed();
      signal.addEventListener("abort", wake);
      try {
        for (let open = openTrials(); open.length > 0; open = openTrials()) {
          wanted = wantedFor(open);
          while (workers.size < wanted) start();
          for (const worker of workers) {
            worker.isIdle = false;
            if (worker.isReady) tell(worker, { kind: "work" });
          }
          // Until all are idle: one that died has a successor, which is told to work when it is ready.
          for (;;) {
            signal.throwIfAborted();
            if (failure !== null) throw failure;
            if (workers.size > 0 && [...workers].every(({ isIdle }) => isIdle)) break;
            await new Promise<void>((resolve) => {
              changed = resolve;
            });
          }
        }
      } finally {
        signal.removeEventListener("abort", wake);
        isDraining = false;
        changed = () => {};
      }
    },
    async [Symbol.asyncDispose]() {
      isClosing = true;
      await Promise.all(
        [...workers].map(
          ({ process: child, name }) =>
            new Promise<void>((resolve) => {
              const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
              const end = (): void => {
                clearTimeout(late);
                // Where the disk is full, whoever continues gives it back.
                attempt(() => store.release(name, false));
                resolve();
              };
              if (child.exitCode !== null || child.signalCode !== null) return end();
              child.once("exit", end);
              if (child.connected) child.send({ kind: "stop" } satisfies ToWorker, () => {});
              else child.kill();
            }),
        ),
      );
      if (filed !== dataset) closeSync(filed.fd);
    },
  };
}
