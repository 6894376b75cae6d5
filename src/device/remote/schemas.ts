import { z } from "zod";
import { parseJson } from "../../util/json.ts";
import { limits, type DeviceMessage, type SearchMessage } from "./messages.ts";

/** Text of the other side may be shown on a terminal, where control characters could do anything. */
const printable = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, " ").trim();

const plain = (most: number) => z.string().max(most).transform(printable);
const text = plain(limits.textChars).refine((value) => value !== "", "is empty");
const reason = plain(limits.reasonChars);
const secret = z.string().max(limits.textChars);
const id = z.string().min(1).max(limits.textChars);
const runtimeId = z.string().regex(/^[a-z0-9-]{1,40}$/);
const format = z.enum(["onnx", "tflite"]);
const ms = z.number().positive();
const msOrZero = z.number().min(0);
const count = z.int().positive();
const countOrZero = z.int().min(0);

const runtimeOffer = z.strictObject({
  id: runtimeId,
  runtime: text,
  version: text,
  provider: text,
  threads: count.max(1024),
  format,
});

const deviceMessage: z.ZodType<DeviceMessage> = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("hello"),
    protocol: countOrZero,
    token: z.exactOptional(secret),
    session: z.exactOptional(secret),
    name: text,
    device: text,
    os: text,
    userAgent: z.exactOptional(plain(limits.reasonChars)),
    runtimes: z.array(runtimeOffer).min(1).max(limits.runtimes),
  }),
  z.strictObject({ kind: z.literal("started"), id }),
  z.strictObject({
    kind: z.literal("result"),
    id,
    samples: z.array(ms).min(1).max(limits.samples),
    batch: count,
    warmup: count,
    timerMs: msOrZero,
    overheadMs: z.exactOptional(msOrZero),
    isUnstable: z.exactOptional(z.boolean()),
  }),
  z.strictObject({
    kind: z.literal("measured"),
    id,
    medianMs: ms,
    p90Ms: ms,
    lowMs: ms,
    highMs: ms,
    runs: count,
    warmup: count,
    overheadMs: msOrZero,
    isUnstable: z.boolean(),
  }),
  z.strictObject({
    kind: z.literal("failed"),
    id,
    code: z.enum(["MODEL_INVALID", "DEVICE_UNAVAILABLE"]),
    message: reason,
  }),
  z.strictObject({ kind: z.literal("paused"), reason }),
  z.strictObject({ kind: z.literal("resumed") }),
  z.strictObject({ kind: z.literal("waiting"), ahead: count }),
]);

const searchMessage: z.ZodType<SearchMessage> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("welcome"), name: text, session: secret }),
  z.strictObject({ kind: z.literal("refused"), reason }),
  z.strictObject({
    kind: z.literal("job"),
    id,
    name: plain(10_000),
    runtime: runtimeId,
    format,
    bytes: countOrZero,
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    options: z.strictObject({
      warmupMs: msOrZero.max(600_000),
      minMs: msOrZero.max(600_000),
      maxMs: msOrZero.max(600_000),
      minRuns: count.max(limits.samples),
      tolerance: msOrZero,
      loadMs: msOrZero.max(600_000),
      startMs: ms,
    }),
  }),
  z.strictObject({ kind: z.literal("cancel"), id }),
  z.strictObject({ kind: z.literal("ping") }),
]);

/** What is wrong with a text that is no message, in a few words. */
const problemOf = (error: z.ZodError): string => {
  const [issue] = error.issues;
  const at = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  return printable(`${at}${issue?.message ?? ""}`).slice(0, 80);
};

const parser =
  <Message>(schema: z.ZodType<Message>) =>
  (json: string): Message | Error => {
    let value: unknown;
    try {
      value = parseJson(json);
    } catch {
      return new Error("a message that is no JSON");
    }
    const { data, error } = schema.safeParse(value);
    return error === undefined ? data : new Error(`a malformed message (${problemOf(error)})`);
  };

/** The message in a text frame, or what is wrong with it. Never throws. */
export const parseDeviceMessage = parser(deviceMessage);
export const parseSearchMessage = parser(searchMessage);
