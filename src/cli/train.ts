import { buildGraph } from "../arch/build.ts";
import { changed } from "../config/config.ts";
import { describeDataset } from "../data/dataset.ts";
import { guessWarning } from "../data/guess.ts";
import { openQuietLock } from "../device/quiet.ts";
import { MnasError } from "../errors.ts";
import { candidateOf, taskOf } from "../study/candidate.ts";
import { loadStudyData } from "../study/search.ts";
import { saveCheckpoint } from "../train/checkpoint.ts";
import { planFor } from "../train/recipe.ts";
import { Diverged, train } from "../train/trainer.ts";
import { loadConfig } from "./config-file.ts";
import { checkOut } from "./export.ts";
import { findNetwork } from "./network.ts";
import { duration, fixed, paint, percent, print, printJson, say, thousands } from "./output.ts";

export interface TrainOptions {
  readonly data?: string;
  readonly size?: number;
  readonly width?: number;
  readonly recipe?: "proxy" | "final";
  readonly epochs?: number;
  readonly test?: boolean;
  readonly out?: string;
  readonly force?: boolean;
  readonly config?: string;
  readonly seed?: number;
  readonly json?: boolean;
}

/** `mnas train NETWORK --data …` */
export async function trainNetwork(text: string, options: TrainOptions): Promise<void> {
  const {
    data,
    size,
    width,
    recipe: which = "final",
    epochs,
    test = false,
    out,
    force = false,
    json = false,
  } = options;
  if (out !== undefined) checkOut(out, force);
  const config = await loadConfig(options.config, {
    ...(data === undefined ? {} : { data }),
    ...(size === undefined ? {} : { size }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  });
  const recipe = changed(config[which], { epochs });
  const dataset = await loadStudyData(config);
  const plan = planFor(recipe, dataset);
  const named = findNetwork(text, { width, task: taskOf(dataset) });
  // A network is trained for the data at hand, whatever it was written down for.
  const { arch, notation, graph, costs } = candidateOf({ ...named.arch, task: taskOf(dataset) });
  if (!json) {
    say(`data     ${describeDataset(dataset)}`);
    if (out === undefined) say("weights  are not kept; --out FILE keeps them");
    say(`network  ${named.name}: ${thousands(costs.params)} parameters, ${thousands(costs.madds)} multiply-adds`);
    say(`recipe   ${which}, ${fixed(plan.epochs, 0)} epochs (${plan.steps} steps), seed ${config.seed}`);
  }

  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new MnasError("INTERRUPTED", "Training interrupted; nothing was written"));
  process.once("SIGINT", interrupt);
  using lock = openQuietLock();
  const training = train({
    graph,
    dataset,
    recipe,
    seed: `${config.seed}/train/${notation}`,
    withTest: test,
    signal: stop.signal,
    hold: (step) => lock.shared(step),
  });
  // Whole epochs, and no more than a hundred lines.
  const linesEvery = plan.stepsPerEpoch * Math.ceil(plan.epochs / 100);
  const start = performance.now();
  try {
    for (;;) {
      const { done, value } = await training.next();
      if (done === true) {
        if (out !== undefined) saveCheckpoint(out, buildGraph(arch), { notation, weights: value.weights });
        const { accuracy, testAccuracy, seconds } = value;
        if (json)
          return printJson({
            event: "done",
            name: named.name,
            notation,
            accuracy,
            testAccuracy,
            seconds,
            weights: out ?? null,
          });
        const warning = guessWarning(accuracy, dataset.validation);
        if (warning !== null) say(`${paint("yellow", "warning:", process.stderr)} ${warning}`);
        print(`validation accuracy  ${percent(accuracy)}`);
        if (test) print(`test accuracy        ${percent(testAccuracy)}`);
        return print(`trained in           ${duration(seconds)}${out === undefined ? "" : `, weights in ${out}`}`);
      }
      if (value.step % linesEvery === 0 && !json) {
        const left = ((performance.now() - start) / 1000 / value.step) * (value.steps - value.step);
        say(`epoch ${value.step / plan.stepsPerEpoch}  loss ${fixed(value.loss, 3)}  ${duration(left)} left`);
      }
    }
  } catch (error) {
    if (!(error instanceof Diverged)) throw error;
    throw new MnasError("CONFIG_INVALID", `Cannot train ${named.name} with this recipe: ${error.message}`, {
      hint: "Lower the learning rate in mnas.config.ts.",
      cause: error,
    });
  } finally {
    process.off("SIGINT", interrupt);
  }
}
