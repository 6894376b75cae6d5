/*
 * Rules for early stopping on trainings that `stopping.ts` kept, in many random orders.
 *
 *   node bench/search/replay.ts [--networks 32] [--orders 2000] curves.jsonl...
 *
 * Each order is a search that proposes that many different networks, all of them under the gate. Accuracies are taken
 * less the mean of their seed, whose images they are of, so that seeds do not look like better networks. Columns:
 * multiply-adds spent, as a share of full trainings; the best reward among those that were trained to their end, less the
 * best of all; how often the best was stopped. Before that, for each rung, Spearman's correlation with the end, and how far
 * guesses of the end are off in the mean, each from the others of its seed: as searchers are told; by the median
 * of what others gained; the median of how others ended; the accuracy at the rung itself.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { mean } from "../../src/util/welch.ts";
import { median } from "../../src/device/statistics.ts";
import { rewardOf } from "../../src/reward/reward.ts";
import { goesOn, type ObjectiveKind, type Standing } from "../../src/reward/stopping.ts";
import { buildNetwork } from "../../src/arch/network.ts";
import { parseArch } from "../../src/space/notation.ts";
import { spearman } from "../../src/util/correlation.ts";
import { expectedAccuracy, type Ended } from "../../src/study/guess.ts";
import { createRng } from "../../src/util/rng.ts";
import { recorded, type Curve } from "./curves.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    networks: { type: "string", default: "32" },
    orders: { type: "string", default: "2000" },
    objective: { type: "string", default: "reward" },
  },
});
const [networks, orders] = [Number(values.networks), Number(values.orders)];
const objective = values.objective as ObjectiveKind;
/** Images that a training is judged on at its end, and steps × images that it learns from. */
const [judged, learnt] = [1000, 218 * 64];

const curves = positionals.flatMap((file) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Curve)
    .filter(({ again }) => again === 0),
);
const points = ({ rungs, accuracy }: Curve): number[] => [...rungs, accuracy];
const all = curves.map((curve) => {
  const ofSeed = curves.filter(({ seed }) => seed === curve.seed).map(points);
  const { madds } = buildNetwork(parseArch(curve.notation)).costs;
  const accuracies = points(curve).map(
    (accuracy, k) => accuracy - mean(ofSeed.map((one) => one[k]!)) + mean(curves.map((one) => points(one)[k]!)),
  );
  return { madds, latencyMs: madds / 4e6, accuracies };
});
// As a search has it whose slowest networks are at the gate.
const targetMs = Math.max(...all.map(({ latencyMs }) => latencyMs)) / 1.5;
type Network = (typeof all)[number];
const standingAt = ({ madds, latencyMs, accuracies }: Network, k: number): Standing => {
  const accuracy = Math.max(0, accuracies[k]!);
  return {
    accuracy,
    latencyMs,
    reward: rewardOf({ accuracy, latencyMs, params: 1, madds }, { kind: "hard" }, targetMs),
  };
};
const last = recorded.length;
const guesses: Readonly<Record<string, (atRung: number, others: readonly Ended[]) => number>> = {
  ours: expectedAccuracy,
  gain: (atRung, others) => Math.min(1, atRung + median(others.map((other) => other.accuracy - other.atRung))),
  median: (_, others) => median(others.map(({ accuracy }) => accuracy)),
  rung: (atRung) => atRung,
};
const rewards = all.map((one) => standingAt(one, last).reward);
console.log(
  `${all.length} networks, target ${targetMs.toFixed(3)} ms; rewards ${Math.min(...rewards).toFixed(3)} to ${Math.max(...rewards).toFixed(3)}, median ${median(rewards).toFixed(3)}`,
);
for (const [k, rung] of recorded.entries()) {
  const correlation = (value: (one: Standing) => number): string =>
    spearman(
      all.map((one) => value(standingAt(one, k))),
      all.map((one) => value(standingAt(one, last))),
    ).toFixed(2);
  const off = Object.entries(guesses).map(([name, guess]) => {
    const errors = curves.map((curve) => {
      const others = curves.filter((other) => other.seed === curve.seed && other !== curve);
      const ended = others.map(({ rungs, accuracy }) => ({ atRung: rungs[k]!, accuracy }));
      return Math.abs(guess(curve.rungs[k]!, ended) - curve.accuracy);
    });
    return `${name} ${mean(errors).toFixed(4)}`;
  });
  const correlations = `accuracy ${correlation((one) => one.accuracy)}, reward ${correlation((one) => one.reward)}`;
  console.log(`rung ${rung}: correlation of ${correlations}; guesses off by ${off.join(", ")}`);
}

function replay(rungs: readonly number[], keep: number) {
  const at = rungs.map((rung) => recorded.findIndex((each) => each === rung));
  const shares: number[] = [];
  const losses: number[] = [];
  for (let order = 0; order < orders; order++) {
    const rng = createRng("replay").fork(order);
    const left = [...all];
    const chosen = Array.from(
      { length: Math.min(networks, left.length) },
      () => left.splice(rng.int(left.length), 1)[0]!,
    );
    const seen: Standing[][] = at.map(() => []);
    let [spent, best] = [0, -Infinity];
    for (const network of chosen) {
      const end = at.findIndex((k, i) => {
        const standing = standingAt(network, k);
        const isStopped = !goesOn(standing, seen[i]!, objective, keep);
        seen[i]!.push(standing);
        return isStopped;
      });
      const share = end < 0 ? 1 : rungs[end]!;
      spent += network.madds * (3 * learnt * share + judged * (end < 0 ? 1 : 0));
      if (end < 0) best = Math.max(best, standingAt(network, last).reward);
    }
    const whole = chosen.reduce((sum, { madds }) => sum + madds * (3 * learnt + judged), 0);
    shares.push(spent / whole);
    losses.push(Math.max(...chosen.map((one) => standingAt(one, last).reward)) - best);
  }
  return { share: mean(shares), loss: mean(losses), lost: losses.filter((loss) => loss > 0).length / orders };
}

const rungSets = [[1 / 8], [1 / 4], [3 / 8], [1 / 2], [1 / 8, 1 / 4], [1 / 8, 1 / 4, 1 / 2], [1 / 4, 1 / 2]];
console.log("rungs                keep   compute   reward lost   best stopped");
for (const rungs of rungSets)
  for (const keep of [1 / 4, 1 / 3, 1 / 2, 2 / 3]) {
    const { share, loss, lost } = replay(rungs, keep);
    console.log(
      `${rungs.join(" ").padEnd(20)} ${keep.toFixed(2)}   ${(100 * share).toFixed(1).padStart(5)} %   ${loss.toFixed(4).padStart(9)}   ${(100 * lost).toFixed(0).padStart(8)} %`,
    );
  }
