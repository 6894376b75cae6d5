import { createHash } from "node:crypto";
import { MnasError } from "../../errors.ts";
import type { Origin } from "../../latency.ts";
import { Misbehaviour, type Channel, type Closed } from "./channel.ts";
import { timingOf, timingOfMeasured, type RemoteTiming } from "./checks.ts";
import { closeCodes, type DeviceMessage, type Hello, type Job, type SearchMessage } from "./messages.ts";
import { randomSecret } from "./secrets.ts";

/** The connection ended, or was ended, before the device gave a result. */
export class Lost extends Error {
  /** Whether the device was in the middle of a job, and did not leave on purpose: the model may have crashed it. */
  readonly isCrash: boolean;
  /** Whether we ended it for what the device sent. */
  readonly isMisbehaviour: boolean;

  constructor(reason: string, is: { readonly crash?: boolean; readonly misbehaviour?: boolean } = {}) {
    super(reason);
    this.isCrash = is.crash ?? false;
    this.isMisbehaviour = is.misbehaviour ?? false;
  }
}

/** One measurement to be made: the job as it is sent, without what is made for it, and the model. */
export interface Work {
  readonly job: Omit<Job, "kind" | "id" | "bytes" | "sha256">;
  readonly model: Uint8Array;
  readonly signal?: AbortSignal | undefined;
  /** Whether times may be true; false ends the connection. */
  readonly plausible: (timing: RemoteTiming) => boolean;
}

/** A device that is connected: it is given jobs, one after the other. */
export interface Peer {
  /** Its name among devices. */
  readonly name: string;
  readonly hello: Omit<Hello, "token" | "session">;
  readonly origin: Origin;
  readonly isOpen: boolean;
  /**
   * @throws Lost when the connection ends first; MnasError `MODEL_INVALID` when the device says so, `DEVICE_UNAVAILABLE`
   * when it is paused for too long; the reason of the signal.
   */
  run(work: Work): Promise<RemoteTiming>;
  close(code: number, reason: string): void;
}

/** The side of a peer that its connection feeds. */
export interface PeerEnd extends Peer {
  /** Throws {@link Misbehaviour} for what does not belong to an open job. */
  receive(message: DeviceMessage): void;
  closed(why: Closed): void;
}

interface PeerOptions extends Pick<Peer, "name" | "hello" | "origin"> {
  readonly channel: Channel<SearchMessage>;
  /** Longest time for which a device may be paused. */
  readonly patienceMs: number;
  readonly onPaused: (reason: string) => void;
}

/** A job that the device has not answered yet. */
interface Open {
  readonly job: Job;
  readonly work: Work;
  readonly sent: number;
  readonly resolve: (timing: RemoteTiming) => void;
  readonly reject: (error: unknown) => void;
  isStarted: boolean;
}

/** Longest time from `started` to a result, beyond what the options ask for: a slow model takes its fewest runs. */
const runMs = 60_000;
/** A device that is disturbed takes this many times as long. */
const disturbance = 10;
/** Answers to jobs that were cancelled may still be under way; so many are known. */
const mostCancelled = 16;

/** A device whose `hello` was accepted. */
export function createPeer({ channel, patienceMs, onPaused, ...who }: PeerOptions): PeerEnd {
  let ended: Closed | null = null;
  let open: Open | null = null;
  let paused: string | null = null;
  let hasFailed = false;
  let cancelled: readonly string[] = [];
  let queue: Promise<unknown> = Promise.resolve();
  let deadline: NodeJS.Timeout | undefined;

  const settle = (): Open | null => {
    clearTimeout(deadline);
    const last = open;
    open = null;
    return last;
  };
  const cancel = (error: unknown): void => {
    const last = settle();
    if (last === null) return;
    cancelled = [...cancelled, last.job.id].slice(-mostCancelled);
    channel.send({ kind: "cancel", id: last.job.id });
    last.reject(error);
  };
  /** Gives the device its time for what it does now, from now on. */
  const wait = (): void => {
    clearTimeout(deadline);
    if (open === null) return;
    const { job, isStarted } = open;
    if (paused !== null) {
      const why = `${who.name} has been paused for ${Math.round(patienceMs / 60_000)} min (${paused})`;
      const error = new MnasError("DEVICE_UNAVAILABLE", `Cannot measure "${job.name}": ${why}`);
      deadline = setTimeout(() => cancel(error), patienceMs);
      return;
    }
    const { loadMs, startMs, warmupMs, maxMs } = job.options;
    const ms = isStarted ? runMs + 2 * (loadMs + warmupMs) + disturbance * maxMs : startMs;
    const what = isStarted ? "finish" : "start";
    const late = (): void => channel.close(closeCodes.silent, `it did not ${what} in ${Math.round(ms / 1000)} s`);
    deadline = setTimeout(late, ms);
  };

  /** The open job of a message; null for one that was cancelled. */
  const jobOf = (id: string, isLast: boolean): Open | null => {
    if (open?.job.id === id) return open;
    if (!cancelled.includes(id)) throw new Misbehaviour("an answer to a job that it was not given, or has answered");
    if (isLast) cancelled = cancelled.filter((each) => each !== id);
    return null;
  };
  const finish = ({ job, work }: Open, timing: RemoteTiming): void => {
    if (!work.plausible(timing))
      throw new Misbehaviour(`${timing.medianMs} ms for "${job.name}", which cannot be true`);
    settle()!.resolve(timing);
  };
  const receive = (message: DeviceMessage): void => {
    switch (message.kind) {
      case "hello":
      case "waiting":
        throw new Misbehaviour(`${message.kind} at the wrong time`);
      case "paused":
      case "resumed":
        paused = message.kind === "paused" ? message.reason : null;
        if (paused !== null) onPaused(paused);
        return wait();
      case "started": {
        const of = jobOf(message.id, false);
        if (of === null) return;
        if (of.isStarted) throw new Misbehaviour("started twice");
        of.isStarted = true;
        return wait();
      }
      case "failed": {
        const of = jobOf(message.id, true);
        if (of === null) return;
        if (message.code === "DEVICE_UNAVAILABLE") {
          hasFailed = true;
          return channel.close(closeCodes.ended, message.message);
        }
        const why = `Cannot run "${of.job.name}" on ${who.name}: ${message.message}`;
        return settle()!.reject(new MnasError("MODEL_INVALID", why));
      }
      case "result":
      case "measured": {
        const of = jobOf(message.id, true);
        if (of === null) return;
        if (!of.isStarted) throw new Misbehaviour("a result of a job that was not started");
        const elapsedMs = performance.now() - of.sent;
        if (message.kind === "result") return finish(of, timingOf(message, of.job, elapsedMs));
        // A browser has no statistics of its own.
        if (who.origin !== "native") throw new Misbehaviour("statistics instead of samples");
        return finish(of, timingOfMeasured(message, elapsedMs));
      }
    }
  };

  const give = (work: Work): Promise<RemoteTiming> =>
    new Promise((resolve, reject) => {
      const { signal, model } = work;
      signal?.throwIfAborted();
      if (ended !== null) throw new Lost(ended.reason);
      const abort = (): void => cancel(signal!.reason);
      signal?.addEventListener("abort", abort);
      const free = (): void => signal?.removeEventListener("abort", abort);
      const sha256 = createHash("sha256").update(model).digest("hex");
      const job: Job = { kind: "job", id: randomSecret(), bytes: model.length, sha256, ...work.job };
      open = {
        job,
        work,
        sent: performance.now(),
        isStarted: false,
        resolve: (timing) => (free(), resolve(timing)),
        reject: (error) => (free(), reject(error)),
      };
      channel.send(job, model);
      wait();
    });

  return {
    ...who,
    get isOpen() {
      return ended === null;
    },
    run: (work) => {
      const turn = queue.then(() => give(work));
      queue = turn.catch(() => {});
      return turn;
    },
    close: (code, reason) => channel.close(code, reason),
    receive,
    closed: (why) => {
      ended = why;
      // Code 1006: the connection broke. A device that was paused was not running the model.
      const isCrash = hasFailed || (paused === null && [1006, closeCodes.silent].includes(why.code));
      const reason = why.reason === "" ? "its connection ended" : why.reason;
      settle()?.reject(new Lost(reason, { crash: isCrash, misbehaviour: why.isMisbehaviour }));
    },
  };
}
