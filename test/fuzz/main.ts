/*
 * `npm run fuzz [-- --count N] [--seed N] [--reader NAME]`: gives every reader inputs that nobody should write. It ends
 * with 1 where one is not read and not refused in words. The input is then in build/fuzz/.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { fuzz } from "./reader.ts";
import { countOf, readers } from "./readers.ts";

const { values } = parseArgs({
  options: { count: { type: "string" }, seed: { type: "string" }, reader: { type: "string" } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const total = Number(values.count ?? 10_000);
const chosen = readers.filter(({ name }) => values.reader === undefined || name === values.reader);
console.log(`seed ${seed}`);

/** Ends the process when a reader does not return: nothing else can while it computes. */
const watch = new Worker(
  `const { parentPort } = require("node:worker_threads");
  let timer;
  parentPort.on("message", ({ name, limitMs }) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      require("node:fs").writeSync(2, name + " hangs: no end after " + limitMs / 1000 + " s\\n");
      process.kill(process.pid, "SIGKILL");
    }, limitMs);
  });`,
  { eval: true },
);
watch.unref();

/** An input as a terminal can show it. */
const shown = (input: Uint8Array): string => {
  const text = JSON.stringify(Buffer.from(input).toString("latin1"));
  return text.length > 400 ? `${text.slice(0, 400)}… (${input.length} bytes)` : text;
};

let all = 0;
for (const reader of chosen) {
  const count = countOf(reader, total);
  watch.postMessage({ name: reader.name, limitMs: 600_000 });
  const start = performance.now();
  const { taken, refused, failure } = await fuzz(reader, seed, count);
  all += taken + refused;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${reader.name}: ${taken} taken, ${refused} refused in ${seconds} s`);
  if (failure === null) continue;
  process.exitCode = 1;
  mkdirSync("build/fuzz", { recursive: true });
  const file = join("build/fuzz", reader.name.replaceAll(/\W+/g, "-"));
  writeFileSync(file, failure.input);
  console.log(`${reader.name} fails with seed ${seed} on ${file}: ${shown(failure.input)}`);
  console.log(failure.error);
}
console.log(`${all} inputs in all, seed ${seed}`);
