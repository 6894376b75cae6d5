import { z } from "zod";
import { MnasError } from "../errors.ts";
import { parseJson } from "../util/json.ts";

/** Of the requests and answers; a program may look at it. */
export const protocolVersion = 1;

/** What a program may answer a request with; more fields than these are no mistake. */
const answerSchema = z.looseObject({
  id: z.int(),
  /** Why this network cannot be trained or measured. */
  error: z.string().optional(),
  progress: z.looseObject({ step: z.number().min(0), steps: z.number().positive() }).optional(),
  // Whether these are numbers that can be is said of one network, not of the program.
  accuracy: z.unknown().optional(),
  testAccuracy: z.unknown().optional(),
  latencyMs: z.unknown().optional(),
  seconds: z.unknown().optional(),
});
export type Answer = z.output<typeof answerSchema>;

const readySchema = z.looseObject({ ready: z.literal(true) });

/** A line as errors quote it. */
export const quoted = (line: string): string => (line.length > 200 ? `${line.slice(0, 199)}…` : line);

/** Python and others write numbers that JSON does not have. */
const withInfinities = (line: string): string => line.replaceAll(/\b(NaN|Infinity)\b/g, "1e999");

function parsed(line: string): unknown {
  for (const text of [line, withInfinities(line)]) {
    try {
      return parseJson(text);
    } catch {
      // The other form, or else no JSON.
    }
  }
  return undefined;
}

/**
 * Reads a line of an evaluator: an answer, or null for the one that says it is ready.
 *
 * @throws MnasError `EVALUATOR_INVALID` naming the line.
 */
export function parseLine(line: string, command: string): Answer | null {
  const value = parsed(line);
  const fail = (why: string, hint: string): never => {
    throw new MnasError("EVALUATOR_INVALID", `Cannot use evaluator "${command}": ${why}: ${quoted(line)}`, { hint });
  };
  if (value === undefined) {
    return fail(
      "it wrote a line that is not JSON",
      "Write only answers to standard output, the rest to standard error.",
    );
  }
  if (readySchema.safeParse(value).success) return null;
  const answer = answerSchema.safeParse(value);
  const says =
    "An answer has the id of its request and progress, accuracy, latencyMs or error; see docs/evaluators.md.";
  if (!answer.success) {
    const { path, message } = answer.error.issues[0]!;
    return fail(`it wrote a line that is no answer (${[...path, message].join(": ")})`, says);
  }
  const isWhole = ["progress", "accuracy", "latencyMs", "error"].some((key) => key in answer.data);
  return isWhole ? answer.data : fail("it wrote an answer that says nothing", says);
}
