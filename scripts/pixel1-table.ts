/*
 * Makes a latency table of a file of blocks that were measured on a phone, as ProxylessNAS published them for the
 * Pixel 1: a JSON object of `expanded_conv-input:112x112x16-output:56x56x24-expand:3-kernel:3-stride:2-idskip:0` and
 * the like, with `mean` in milliseconds.
 *
 *   node scripts/pixel1-table.ts blocks.json pixel1.json
 *   mnas measure mnasnet-b1 --device table:pixel1.json
 */
import { readFileSync } from "node:fs";
import { keyOf, type Size } from "../src/device/table/parts.ts";
import { emptyTable, writeTable } from "../src/device/table/table.ts";

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined)
  throw new Error("usage: node scripts/pixel1-table.ts BLOCKS.json TABLE.json");

const blocks = JSON.parse(readFileSync(from, "utf8")) as Record<string, { readonly mean: number }>;

/** `112x112x32` or `1000`. */
const numbers = (text: string | undefined): number[] => (text ?? "").split("x").map(Number);
const sizeOf = (text: string | undefined): Size => numbers(text) as [number, number, number];

const entries: Record<string, number> = {};
const tails: { readonly name: string; readonly mean: number; readonly input: Size; readonly output: number[] }[] = [];
for (const [text, { mean }] of Object.entries(blocks)) {
  const [name = "", ...rest] = text.split("-");
  const words: Record<string, string> = Object.fromEntries(rest.map((word) => word.split(":")));
  const input = sizeOf(words["input"]);
  const output = numbers(words["output"]);
  if (name === "Conv") {
    const stem = { kernel: 3, stride: input[0] / output[0]!, filters: output[2]! };
    entries[keyOf({ kind: "stem", size: input, stem })] = mean;
  } else if (name === "expanded_conv") {
    const expansion = Number(words["expand"]);
    const block = {
      op: expansion === 1 ? "sepconv" : (`mbconv${expansion}` as const),
      kernel: Number(words["kernel"]),
      stride: Number(words["stride"]),
      filters: output[2]!,
      layers: 1,
      seRatio: 0,
      skip: words["idskip"] === "1" ? "identity" : "none",
    } as const;
    entries[keyOf({ kind: "block", size: input, block })] = mean;
  } else tails.push({ name, mean, input, output });
}
// A head is the last convolution and the classifier behind it.
for (const head of tails.filter(({ name }) => name === "Conv_1"))
  for (const logits of tails.filter(({ name, input }) => name === "Logits" && String(input) === String(head.output)))
    entries[keyOf({ kind: "head", size: head.input, head: { filters: head.output[2]! }, classes: logits.output[0]! })] =
      head.mean + logits.mean;

const measuredOn = {
  name: "pixel1",
  description: "Pixel 1, 1 thread, TensorFlow Lite",
  device: "Pixel 1",
  os: "Android",
  runtime: "TensorFlow Lite",
  runtimeVersion: "unknown",
  provider: "CPU",
  threads: 1,
};
writeTable(to, { ...emptyTable(measuredOn), isComplete: true, entries });
