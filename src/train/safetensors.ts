/*
 * The safetensors format (https://github.com/huggingface/safetensors): 8 bytes of header length, a JSON header with
 * dtype, shape and byte range of each array, then the arrays. Float32 only.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { MnasError } from "../errors.ts";
import { readFile, writeFileAtomically } from "../util/files.ts";
import { parseJson } from "../util/json.ts";

export interface Tensors {
  readonly arrays: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;
  /** Texts kept beside the arrays. */
  readonly metadata: Readonly<Record<string, string>>;
}

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
const headerSchema = z.object({ __metadata__: z.record(z.string(), z.string()).optional() }).catchall(entrySchema);

/** Of everything else in a file; what is damaged on the disk shows as a difference. */
function checksum(header: object, bodies: readonly Uint8Array[]): string {
  const hash = createHash("sha256").update(JSON.stringify(header));
  for (const body of bodies) hash.update(body);
  return hash.digest("hex");
}

/** Writes arrays to a file that is complete or absent. Throws `DISK_FULL`. */
export function writeTensors(file: string, { arrays, metadata }: Tensors): void {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const [name, { shape, values }] of arrays) {
    header[name] = { dtype: "F32", shape, data_offsets: [end, end + values.byteLength] };
    end += values.byteLength;
  }
  const bodies = [...arrays.values()].map(({ values }) =>
    Buffer.from(values.buffer, values.byteOffset, values.byteLength),
  );
  const sha256 = checksum(header, bodies);
  const text = JSON.stringify({ ...header, __metadata__: { ...metadata, sha256 } });
  // Spaces align the arrays to 8 bytes, as the format asks.
  const head = Buffer.from(
    text.padEnd(Math.ceil(Buffer.byteLength(text) / 8) * 8 - Buffer.byteLength(text) + text.length),
  );
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(head.length));
  writeFileAtomically(file, Buffer.concat([size, head, ...bodies]));
}

/** Reads such a file. Throws `FILE_NOT_FOUND`, or `MODEL_INVALID` when it is damaged or holds other types. */
export function readTensors(file: string): Tensors {
  const bytes = readFile(file);
  const fail = (why: string): never => {
    throw new MnasError("MODEL_INVALID", `Cannot read weights "${file}": ${why}`, {
      hint: "Give a .safetensors file that mnas wrote.",
    });
  };
  if (bytes.length < 8) fail("it is too short");
  const size = Number(bytes.readBigUInt64LE(0));
  if (size > bytes.length - 8) fail("its header is cut off");
  let found: unknown;
  try {
    found = parseJson(bytes.toString("utf8", 8, 8 + size));
  } catch {
    return fail("its header is not JSON");
  }
  const header = headerSchema.safeParse(found);
  if (!header.success) return fail("its header is damaged");
  const { __metadata__: { sha256, ...metadata } = {}, ...entries } = header.data;
  const arrays = Object.entries(entries).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [from, to],
      },
    ]) => {
      const count = shape.reduce((n, d) => n * d, 1);
      if (dtype !== "F32") fail(`"${name}" is ${dtype}, must be F32`);
      if (to - from !== 4 * count || 8 + size + to > bytes.length) fail(`"${name}" is cut off`);
      // Copied, since a view of the file need not be aligned.
      return [
        name,
        { shape, values: new Float32Array(new Uint8Array(bytes.subarray(8 + size + from, 8 + size + to)).buffer) },
      ] as const;
    },
  );
  // Files of other programs have none.
  const plain = { ...(found as object), __metadata__: metadata };
  if (sha256 !== undefined && checksum(plain, [bytes.subarray(8 + size)]) !== sha256) fail("it is damaged");
  return { arrays: new Map(arrays), metadata };
}
