import { MnasError } from "../errors.ts";
import { shellWord } from "../util/shell.ts";
import { EvaluatorDied, type Step } from "./evaluator.ts";
import { parseLine, protocolVersion, quoted, type Answer } from "./lines.ts";
import { startProcess, type LineProcess } from "./process.ts";

/** The program that the user named. */
export interface EvaluatorSettings {
  readonly command: readonly string[];
  /** How long it may say nothing about a request. */
  readonly timeoutMs: number;
  /** How long it may take until its first line. */
  readonly startupTimeoutMs: number;
}

export interface ConversationOptions {
  readonly settings: EvaluatorSettings;
  /** The file that its standard error goes to; null for none. */
  readonly log: () => string | null;
  readonly warn: (message: string) => void;
  /** Told the process id of each program that is started, and null when it is of no more use. */
  readonly onProcess?: (pid: number | null) => void;
}

/** An answer and the line it came in. */
export interface Reply {
  readonly answer: Answer;
  readonly line: string;
}

/** Requests to a program that is started when it is needed, kept, and started again when it died. */
export interface Conversation extends Disposable {
  readonly command: string;
  /**
   * Asks and waits for the answer, yielding at every line and every few seconds. One request at a time; who leaves before
   * the answer leaves the program in the middle of something, so that it is ended.
   *
   * @throws EvaluatorDied when the program ended or was silent for too long. @throws MnasError `EVALUATOR_UNAVAILABLE`
   * when it does not start, `EVALUATOR_INVALID` for a line that is no answer. @throws the signal's reason.
   */
  ask(request: object, signal?: AbortSignal): AsyncGenerator<Step, Reply>;
}

/** Who waits hears this often that the program lives: well within the lease of a trial. */
const heartbeatMs = 5000;

const seconds = (ms: number): string => `${ms / 1000} s`;

/** A conversation with the program of these settings; nothing is started yet. */
export function converse({ settings, log, warn, onProcess = () => {} }: ConversationOptions): Conversation {
  const { timeoutMs, startupTimeoutMs } = settings;
  const command = settings.command.map(shellWord).join(" ");
  let program: LineProcess | null = null;
  let hasSpoken = false;
  let serial = 0;

  const stop = (): void => {
    if (program === null) return;
    program.kill();
    program = null;
    onProcess(null);
  };
  const running = (): LineProcess => {
    if (program?.ending !== null) stop();
    if (program === null) {
      program = startProcess(settings.command, log);
      hasSpoken = false;
      if (program.pid !== undefined) onProcess(program.pid);
    }
    return program;
  };

  const unavailable = (why: string): MnasError => {
    const file = log();
    const where = file === null ? "" : `Its standard error is in ${shellWord(file)}. `;
    return new MnasError("EVALUATOR_UNAVAILABLE", `Cannot start evaluator "${command}": ${why}`, {
      hint: `${where}Run it by hand: it must write {"ready": true} and then wait for requests.`,
    });
  };
  /** What it means that the program ended or was silent. */
  const broken = (how: string, isKilled: boolean, lastWords: string): Error => {
    const what = lastWords === "" ? how : `${how}: ${quoted(lastWords)}`;
    return hasSpoken || isKilled ? new EvaluatorDied(how, what) : unavailable(what);
  };

  return {
    command,
    async *ask(request, signal) {
      signal?.throwIfAborted();
      const id = ++serial;
      const now = running();
      let isAnswered = false;
      try {
        now.send(JSON.stringify({ protocol: protocolVersion, id, ...request }));
        let step: Step = { step: 0, steps: 1 };
        // Added up from waits, so that a machine that slept is not taken for a program that did.
        let silentMs = 0;
        for (;;) {
          const limitMs = hasSpoken ? timeoutMs : startupTimeoutMs;
          const waitMs = Math.min(heartbeatMs, limitMs - silentMs);
          if (waitMs <= 0) throw broken(`it said nothing for ${seconds(limitMs)}`, false, now.lastWords);
          const line = await now.next(waitMs, signal);
          if (line === null) {
            if (now.ending !== null) throw broken(now.ending.how, now.ending.isKilled, now.lastWords);
            silentMs += waitMs;
            yield step;
            continue;
          }
          if (!hasSpoken) silentMs = 0;
          hasSpoken = true;
          const answer = parseLine(line, command);
          if (answer === null) continue;
          if (answer.id !== id) {
            warn(`the evaluator answered request ${answer.id}, which is not open: ${quoted(line)}`);
            continue;
          }
          silentMs = 0;
          if (answer.progress === undefined) {
            isAnswered = true;
            return { answer, line };
          }
          step = answer.progress;
          yield step;
        }
      } finally {
        if (!isAnswered) stop();
      }
    },
    [Symbol.dispose]: stop,
  };
}
