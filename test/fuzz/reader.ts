import * as fc from "fast-check";
import { MnasError } from "../../src/errors.ts";
import { inputsFrom } from "./mutations.ts";

/** A function that reads what users or other programs wrote. */
export interface Reader {
  readonly name: string;
  /** Inputs that it takes. */
  readonly samples: readonly (string | Uint8Array)[];
  /** Reads an input. It gives something only a plausible value, or else throws. */
  readonly read: (input: Uint8Array) => unknown;
  /** Its part of all inputs, 1 by default; less where an input takes long. */
  readonly share?: number;
}

/** The most that one input may take: far above what the slowest takes on a busy machine. */
const limits = { ms: 10_000, bytes: 2 ** 29 } as const;

/** Whether a reader's error is one that it foresees. */
const isForeseen = (error: unknown): boolean => error instanceof MnasError;

const heldBytes = (): number => {
  const { rss, arrayBuffers } = process.memoryUsage();
  return Math.max(rss, arrayBuffers);
};

/** Reads an input. Throws for a defect: another error than `MnasError`, too much time, too much memory. */
export async function readOnce({ read }: Reader, input: Uint8Array): Promise<"taken" | "refused"> {
  const [start, before] = [performance.now(), heldBytes()];
  let end: "taken" | "refused" = "taken";
  try {
    await read(input);
  } catch (error) {
    if (!isForeseen(error)) throw error;
    end = "refused";
  }
  const [ms, bytes] = [performance.now() - start, heldBytes() - before];
  if (ms > limits.ms) throw new Error(`it took ${ms.toFixed(0)} ms`);
  if (bytes > limits.bytes) throw new Error(`it took ${(bytes / 2 ** 20).toFixed(0)} MiB`);
  return end;
}

/** What became of the inputs of a reader. */
export interface Outcome {
  readonly taken: number;
  readonly refused: number;
  /** The smallest input found that shows a defect, and the defect; null for none. */
  readonly failure: { readonly input: Uint8Array; readonly error: unknown } | null;
}

/** Gives a reader `count` inputs. The same seed gives the same inputs. */
export async function fuzz(reader: Reader, seed: number, count: number): Promise<Outcome> {
  const ends = { taken: 0, refused: 0 };
  const samples = reader.samples.map((sample) => Buffer.from(sample as Uint8Array));
  // A sample that is refused would leave nothing to change.
  for (const sample of samples) await reader.read(sample);
  const property = fc.asyncProperty(inputsFrom(samples), async (input) => {
    ends[await readOnce(reader, input)] += 1;
  });
  const { counterexample, errorInstance } = await fc.check(property, { seed, numRuns: count });
  return { ...ends, failure: counterexample === null ? null : { input: counterexample[0], error: errorInstance } };
}

/** Throws where a value that was read is not as it must be. */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`it was taken although ${what}`);
}
