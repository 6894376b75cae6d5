import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Known, type Sample } from "../../src/replay/play.ts";
import type { ResultTable } from "../../src/replay/table.ts";
import { sizeOf, type Genotype } from "../../src/space/space.ts";

export interface OptunaOrder {
  readonly sampler: string;
  readonly objectives: 1 | 2;
  readonly samples: number;
  readonly seeds: readonly number[];
}

const script = fileURLToPath(new URL("optuna-search.py", import.meta.url));

/** Every genotype of the table's space. */
function* genotypesOf({ space }: ResultTable): Generator<Genotype> {
  for (let i = 0n; i < sizeOf(space); i++) {
    let rest = Number(i);
    yield space.decisions.map(({ choices: { length } }) => {
      const index = rest % length;
      rest = (rest - index) / length;
      return index;
    });
  }
}

/** The samples of Optuna's searches in a table, one list for each seed. */
export function playOptuna(python: string, table: ResultTable, order: OptunaOrder): Sample[][] {
  const networks = new Map(
    Array.from(genotypesOf(table), (genotype) => [genotype.join(), { genotype, entry: table.entryOf(genotype) }]),
  );
  const input = JSON.stringify({
    ...order,
    choices: table.space.decisions.map(({ choices }) => choices.length),
    networks: Object.fromEntries([...networks].flatMap(([key, { entry }]) => (entry === null ? [] : [[key, entry]]))),
  });
  const output = execFileSync(python, [script], { input, encoding: "utf8", maxBuffer: 2 ** 30 });
  return (JSON.parse(output) as [string, number | null][][]).map((run) => {
    const seen = new Map<string, Known>();
    return run.map(([network, accuracy]) => {
      const { genotype, entry } = networks.get(network)!;
      if (entry === null || accuracy === null) return { known: null, isNew: false };
      const before = seen.get(entry.key);
      if (before !== undefined) return { known: before, isNew: false };
      const known = { genotype, entry, accuracy };
      seen.set(entry.key, known);
      return { known, isNew: true };
    });
  });
}
