import { availableParallelism } from "node:os";
import { changed, type Config } from "../config/config.ts";
import { describeDataset, type Dataset } from "../data/dataset.ts";
import { guessWarning } from "../data/guess.ts";
import { openQuietLock } from "../device/quiet.ts";
import { MnasError } from "../errors.ts";
import { candidateOf, taskOf, type Candidate } from "../study/candidate.ts";
import { loadStudyData } from "../study/search.ts";
import { loadBeginning, saveCheckpoint } from "../train/checkpoint.ts";
import { recipes, type RecipeName } from "../train/presets.ts";
import { planFor, workersFor, type Plan, type Recipe } from "../train/recipe.ts";
import { hashWeights, type TrainIdentity } from "../train/state.ts";
import { Diverged, type Trained } from "../train/trainer.ts";
import { trainInParallel, type TrainOrder } from "../worker/parallel.ts";
import { loadConfig } from "./config-file.ts";
import { dataOf, findNetwork } from "./network.ts";
import { counted, duration, fixed, paint, percent, print, printJson, say, thousands } from "./output.ts";
import { checkTraining, createKeeper, type StateKeeper } from "./train-state.ts";

export interface TrainOptions {
  readonly data?: string;
  readonly size?: number;
  readonly width?: number;
  readonly recipe?: RecipeName;
  readonly epochs?: number;
  readonly workers?: number;
  readonly test?: boolean;
  readonly init?: string;
  readonly out?: string;
  readonly resume?: boolean;
  readonly force?: boolean;
  readonly config?: string;
  readonly seed?: number;
  readonly json?: boolean;
}

/** Everything that is settled before the first step. */
interface Task {
  readonly name: string;
  readonly candidate: Candidate;
  readonly dataset: Dataset;
  readonly plan: Plan;
  readonly order: TrainOrder;
  readonly keeper: StateKeeper | null;
}

/** A recipe by name: those of a search may be changed in the config. */
const recipeOf = (config: Config, name: RecipeName): Recipe =>
  name === "proxy" || name === "final" ? config[name] : recipes[name];

async function prepare(text: string, options: TrainOptions): Promise<Task> {
  const { data, size, width, recipe: which = "final", epochs, out, resume = false, force = false, json } = options;
  if (out !== undefined) checkTraining(out, { resume, force });
  else if (resume) throw new MnasError("USAGE", "Cannot resume: --resume needs --out", { hint: "Name the weights." });
  // A trial is trained on its run's data, split as there, so that no image it is tested on was trained on before.
  const config = await loadConfig(options.config, {
    ...(data === undefined ? dataOf(text) : { data }),
    ...(size === undefined ? {} : { size }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  });
  const recipe = changed(recipeOf(config, which), { epochs });
  const dataset = await loadStudyData(config);
  const plan = planFor(recipe, dataset, options.workers ?? workersFor(recipe, dataset, availableParallelism()));
  const named = findNetwork(text, { width, task: taskOf(dataset) });
  // A network is trained for the data at hand, whatever it was written down for.
  const candidate = candidateOf({ ...named.arch, task: taskOf(dataset) });
  const { notation, graph, costs } = candidate;
  const init = options.init === undefined ? null : loadBeginning(options.init, graph);
  const seed = `${config.seed}/train/${notation}`;
  const identity: TrainIdentity = {
    network: notation,
    data: dataset.key,
    seed,
    workers: plan.workers,
    init: init === null ? null : hashWeights(init.weights),
    recipe,
  };
  const keeper = out === undefined ? null : createKeeper(out, graph, identity, resume);
  if (json !== true) {
    say(`data     ${describeDataset(dataset)}`);
    if (out === undefined) say("weights  are not kept; --out FILE keeps them");
    if (init !== null)
      say(
        `weights  from ${options.init}${init.isClassifierFresh ? ", with a fresh classifier: the classes differ" : ""}`,
      );
    say(`network  ${named.name}: ${thousands(costs.params)} parameters, ${thousands(costs.madds)} multiply-adds`);
    say(`recipe   ${which}, ${fixed(plan.epochs, 0)} epochs (${plan.steps} steps), seed ${config.seed}`);
    say(`batch    ${batchLine(plan, recipe)}`);
    if (keeper?.resume !== undefined) say(`resumed  after step ${keeper.resume.steps}`);
  }
  const order = {
    notation,
    dataset,
    recipe,
    seed,
    withTest: options.test ?? false,
    ...(init === null ? {} : { init: init.weights }),
    ...(keeper?.resume === undefined ? {} : { resume: keeper.resume }),
  };
  return { name: named.name, candidate, dataset, plan, order, keeper };
}

function batchLine({ batch, workers }: Plan, recipe: Recipe): string {
  const changedFrom = batch === recipe.batch ? "" : ` (the recipe says ${recipe.batch})`;
  return `${counted(batch, "image")}${changedFrom}, ${counted(workers, "worker")} of ${counted(batch / workers, "image")}`;
}

/** Trains, telling how far it is. */
async function run({ name, plan, order, keeper }: Task, { json = false }: TrainOptions): Promise<Trained> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once("SIGINT", interrupt);
  using lock = openQuietLock();
  const training = trainInParallel(order, {
    workers: plan.workers,
    signal: stop.signal,
    hold: (step) => lock.shared(step),
  });
  // Whole epochs, and no more than a hundred lines.
  const linesEvery = plan.stepsPerEpoch * Math.ceil(plan.epochs / 100);
  const start = performance.now();
  const before = order.resume?.steps ?? 0;
  try {
    for (;;) {
      const { done, value } = await training.next();
      if (done === true) return value;
      keeper?.after(value, value.step % plan.stepsPerEpoch === 0);
      if (value.step % linesEvery === 0 && !json) {
        const left = ((performance.now() - start) / 1000 / (value.step - before)) * (value.steps - value.step);
        say(`epoch ${value.step / plan.stepsPerEpoch}  loss ${fixed(value.loss, 3)}  ${duration(left)} left`);
      }
    }
  } catch (error) {
    if (stop.signal.aborted) {
      const step = keeper?.save() ?? keeper?.resume?.steps ?? null;
      throw step === null
        ? new MnasError("INTERRUPTED", "Training interrupted; nothing was written")
        : new MnasError("INTERRUPTED", `Training interrupted after step ${step} of ${plan.steps}`, {
            hint: "Add --resume to the same command to continue.",
          });
    }
    if (!(error instanceof Diverged)) throw error;
    // Going on would end in the same way.
    keeper?.remove();
    throw new MnasError("CONFIG_INVALID", `Cannot train ${name} with this recipe: ${error.message}`, {
      hint: "Lower the learning rate in mnas.config.ts.",
      cause: error,
    });
  } finally {
    process.off("SIGINT", interrupt);
  }
}

/** `mnas train NETWORK --data …` */
export async function trainNetwork(text: string, options: TrainOptions): Promise<void> {
  const { test = false, out, json = false } = options;
  const task = await prepare(text, options);
  const { weights, accuracy, testAccuracy, seconds } = await run(task, options);
  const { notation, graph } = task.candidate;
  if (out !== undefined) saveCheckpoint(out, graph, { notation, weights });
  task.keeper?.remove();
  if (json) {
    const { workers } = task.plan;
    return printJson({
      event: "done",
      name: task.name,
      notation,
      accuracy,
      testAccuracy,
      seconds,
      workers,
      weights: out ?? null,
    });
  }
  const warning = guessWarning(accuracy, task.dataset.validation);
  if (warning !== null) say(`${paint("yellow", "warning:", process.stderr)} ${warning}`);
  print(`validation accuracy  ${percent(accuracy)}`);
  if (test) print(`test accuracy        ${percent(testAccuracy)}`);
  print(`trained in           ${duration(seconds)}${out === undefined ? "" : `, weights in ${out}`}`);
}
