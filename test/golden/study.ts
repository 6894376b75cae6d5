import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readStore } from "../../src/store/sqlite.ts";
import type { Phase, Store } from "../../src/store/store.ts";
import { mnas, scratch } from "../mnas.ts";
import { toyConfig } from "../toy.ts";
import type { Golden } from "./golden.ts";

const config = toyConfig(`
  device: "madds",
  target: 0.02,
  batch: 4,
  seed: 1,
  trials: 12,
  finalSeeds: 1,
  stopping: true,
  proxy: { epochs: 0.2, batch: 32 },
  final: { epochs: 0.3, batch: 32 },
`);

/** All of a trial that chance and the clock do not decide. */
const rows = (store: Store, phase: Phase): [string, string][] =>
  store.trials(phase).map((trial) => {
    const { genotype, notation, state, source, reason, params, madds, latency, ...numbers } = trial;
    const { accuracy, testAccuracy, reward, rungs, seed } = numbers;
    const of = { state, notation, genotype, source, seed, params, madds, ms: latency?.medianMs ?? null };
    return [`${phase} ${trial.number}`, JSON.stringify({ ...of, accuracy, testAccuracy, reward, rungs, reason })];
  });

/** The record of a small search with computed latencies, early stopping and long trainings. */
export const study: Golden = async () => {
  using folder = scratch();
  writeFileSync(join(folder.dir, "mnas.config.ts"), config);
  const { code, stderr } = await mnas(["search", "--out", "run"], folder.dir);
  if (code !== 0) throw new Error(`internal: the search ended with ${code}: ${stderr}`);
  using store = readStore(join(folder.dir, "run", "study.db"));
  return Object.fromEntries([...rows(store, "search"), ...rows(store, "final")]);
};
