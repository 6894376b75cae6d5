/*
 * What a proposal costs: `node bench/search/overhead.ts`. A search of 1,000 networks of mnasnet-tiny, described as a search
 * does, by parameters and multiply-adds of the graph; accuracies are made up. Time is that of the processor, of all
 * threads, so that other work on the machine counts for little.
 *
 *   --trials 1000
 *   --space mnasnet-tiny
 *   --searchers bayesian,ppo
 *   --json
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { rewardOf } from "../../src/reward/reward.ts";
import type { SearcherOptions } from "../../src/search/searcher.ts";
import { createSearcher, type SearcherName } from "../../src/search/searchers.ts";
import { archOf, type Task } from "../../src/space/arch.ts";
import { presetSpace } from "../../src/space/presets.ts";
import type { Genotype } from "../../src/space/space.ts";
import { buildNetwork } from "../../src/arch/network.ts";
import { version } from "../../src/version.ts";
import { tableText } from "./text.ts";

const { values } = parseArgs({
  options: {
    trials: { type: "string", default: "1000" },
    space: { type: "string", default: "mnasnet-tiny" },
    searchers: { type: "string", default: "bayesian,ppo" },
    json: { type: "boolean" },
  },
});
const trials = Number(values.trials);
const batch = 8;
const space = presetSpace(values.space);
const task: Task = { height: 32, width: 32, channels: 3, classes: 10 };
const targetMs = 1;

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Between 0.5 and 1, and alike for networks that are alike. */
const madeUp = (genotype: Genotype): number => {
  const parts = genotype.map((choice, i) => Math.sin(1 + 3 * i + 2 * choice) + (choice * (genotype[i + 1] ?? 0)) / 8);
  return 0.75 + parts.reduce((sum, part) => sum + part, 0) / (8 * parts.length);
};

const describe: NonNullable<SearcherOptions["describe"]> = (genotype) => {
  const { notation, costs } = buildNetwork(archOf(space, genotype, task));
  return { key: notation, costs: [costs.params, costs.madds] };
};

/** Milliseconds of each batch, and the networks that were described for it. */
function run(name: SearcherName): { readonly ms: readonly number[]; readonly described: readonly Genotype[][] } {
  const described: Genotype[][] = [];
  const searcher = createSearcher(name, space, {
    seed: 1,
    batch,
    describe: (genotype) => {
      described.at(-1)?.push(genotype);
      return describe(genotype);
    },
    objective: {
      kind: "reward",
      rewardOf: (_, metrics) => rewardOf({ ...metrics, params: 0, madds: 0 }, { kind: "hard" }, targetMs),
    },
  });
  const ms: number[] = [];
  for (let start = 0; start < trials; start += batch) {
    described.push([]);
    const begun = cpuMs();
    const asked = Array.from({ length: Math.min(batch, trials - start) }, (_, i) => searcher.ask(start + i));
    const askingMs = cpuMs() - begun;
    const observations = asked.map((genotype, i) => {
      const accuracy = madeUp(genotype);
      const latencyMs = describe(genotype).costs[1]! / 4e6;
      const reward = rewardOf({ accuracy, latencyMs, params: 0, madds: 0 }, { kind: "hard" }, targetMs);
      return { number: start + i, genotype, accuracy, latencyMs, reward };
    });
    const telling = cpuMs();
    for (const observation of observations) searcher.tell(observation);
    ms.push(askingMs + cpuMs() - telling);
  }
  return { ms, described };
}

/** Milliseconds to describe networks once more. */
function describingMs(genotypes: readonly Genotype[]): number {
  const begun = cpuMs();
  for (const genotype of genotypes) describe(genotype);
  return cpuMs() - begun;
}

const perProposal = (batches: readonly number[]): number =>
  batches.reduce((sum, ms) => sum + ms, 0) / batches.length / batch;

const names = values.searchers.split(",") as SearcherName[];
const results = names.map((searcher) => {
  const { ms, described } = run(searcher);
  // When most is known.
  const last = 10;
  return {
    searcher,
    mean: perProposal(ms),
    last: perProposal(ms.slice(-last)),
    describing: describingMs(described.slice(-last).flat()) / last / batch,
  };
});
const cpu = cpus()[0]!.model.trim();
const versions = { mnas: version, node: process.version };
const cells = results.map(({ searcher, ...times }) => [searcher, ...Object.values(times).map((ms) => ms.toFixed(1))]);
const text = `${cpu}, Node ${versions.node}; ${space.name}, ${trials} trials, ms of processor time for a proposal\n\n${tableText(
  ["searcher", "mean", `at ${trials}`, "of it building graphs"],
  cells,
)}`;
if (values.json === true) console.log(JSON.stringify({ cpu, versions, space: space.name, trials, results }, null, 2));
else console.log(text);
