import { configFile } from "./config-file.ts";
import { checkOut } from "./export.ts";
import { writeFileAtomically } from "../util/files.ts";
import { print, printJson } from "./output.ts";

const starter = `import { defineConfig } from "mnas";

export default defineConfig({
  // A folder of images (train/<class>/*.jpg, or <class>/*.jpg), IDX files, CIFAR batches; or the embedded sample.
  data: "fashion-mnist",
  // Milliseconds; without it, half the median of random networks.
  // target: 2,
  device: "host",
  space: "mnasnet-tiny",
  searcher: "bayesian",
  // The network of the highest reward, or "front" for the best at every latency.
  objective: "reward",
  reward: "hard",
  trials: 32,
  batch: 8,
  seed: 0,
  // Short training of every trial, and long training of the finalists; these are the defaults for the embedded data.
  // proxy: { epochs: 2 },
  // final: { epochs: 8 },
});
`;

/** `mnas init` */
export function init({ force = false, json = false }: { force?: boolean; json?: boolean }): void {
  checkOut(configFile, force);
  writeFileAtomically(configFile, starter);
  if (json) return printJson({ file: configFile });
  print(`${configFile} written; edit it, then run \`mnas search\``);
}
