/*
 * An evaluator for tests: `evaluator-program.ts [HOW]`. Its accuracies depend on network and seed alone; it writes fresh
 * weights. HOW is one way to be wrong.
 */
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { buildGraph } from "../src/arch/build.ts";
import { initWeights } from "../src/graph/weights.ts";
import { parseArch } from "../src/space/notation.ts";
import { saveCheckpoint } from "../src/train/checkpoint.ts";
import { createRng } from "../src/util/rng.ts";

interface Request {
  readonly id: number;
  readonly phase: "search" | "final" | "latency";
  readonly notation: string;
  readonly seed: number;
  readonly withTest: boolean;
  readonly weightsFile: string;
  readonly recipe: { readonly learningRate: number };
  readonly costs: { readonly madds: number };
}

const [how = "", file = ""] = process.argv.slice(2);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

/** What one of the wrong ways says instead of an answer; false to go on as usual. */
const wrong: Readonly<Record<string, (request: Request) => unknown>> = {
  chatter: () => process.stdout.write("epoch 1 of 8\n"),
  nan: ({ id }) => process.stdout.write(`{"id": ${id}, "accuracy": NaN}\n`),
  large: ({ id }) => say({ id, accuracy: 93.5 }),
  empty: ({ id }) => say({ id }),
  stranger: ({ id }) => (say({ id: id + 1000, accuracy: 0.1 }), false),
  dies: () => {
    process.stderr.write("out of memory\n");
    process.exit(3);
  },
  cut: ({ id }) => process.stdout.write(`{"id": ${id}, "accur`, () => process.exit(4)),
  silent: () => true,
  weights: ({ id, weightsFile, notation }) => {
    const other = notation.replace("stem8", "stem12").replace("i8", "i12");
    const graph = buildGraph(parseArch(other));
    saveCheckpoint(weightsFile, graph, { notation: other, weights: initWeights(graph, createRng(0)) });
    say({ id, accuracy: 0.5 });
  },
};

async function answer(request: Request): Promise<void> {
  const { id, phase, notation, seed, withTest, weightsFile, recipe, costs } = request;
  if (how in wrong && wrong[how]!(request) !== false) return;
  if (phase === "latency") return say({ id, latencyMs: costs.madds / 4e6 });
  if (recipe.learningRate > 1e6) return say({ id, error: "the loss is not finite" });
  for (let step = 1; step <= 4; step++) {
    await wait(how === "slow" ? 100 : 1);
    say({ id, progress: { step, steps: 4 } });
  }
  const rng = createRng(`${notation}/${seed}`);
  if (how !== "weightless") {
    const graph = buildGraph(parseArch(notation));
    saveCheckpoint(weightsFile, graph, { notation, weights: initWeights(graph, rng) });
  }
  say({ id, accuracy: rng.next(), ...(withTest ? { testAccuracy: rng.next() } : {}), seconds: 1 });
}

if (how === "broken") {
  process.stderr.write("No module named torch\n");
  process.exit(1);
}
if (file !== "") appendFileSync(file, `${process.pid}\n`);
if (how !== "mute") say({ ready: true });
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => void answer(JSON.parse(line) as Request));
lines.on("close", () => process.exit(0));
