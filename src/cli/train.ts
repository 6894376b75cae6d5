import { changed, type Config } from "../config/config.ts";
import { inWords, onDamage } from "../data/damage.ts";
import { describeDataset, type Dataset } from "../data/dataset.ts";
import { loadKnown } from "../data/known.ts";
import { guessWarning } from "../data/guess.ts";
import { openQuietLock } from "../util/quiet.ts";
import { guardWarning } from "../engine/guard.ts";
import { MnasError } from "../errors.ts";
import { describeTask, isSameTask } from "../space/arch.ts";
import { networkOf, type Network } from "../arch/network.ts";
import { taskOf } from "../data/task.ts";
import { loadStudyData } from "../study/run-data.ts";
import { loadBeginning, saveCheckpoint } from "../train/checkpoint.ts";
import { factsOf } from "../train/facts.ts";
import { recipes, type RecipeName } from "../train/presets.ts";
import { planFor, workersFor, type Plan, type Recipe } from "../train/recipe.ts";
import { hashWeights, type TrainIdentity } from "../train/state.ts";
import { Diverged, type Trained } from "../train/trainer.ts";
import { trainInParallel, type TrainOrder } from "../train/parallel.ts";
import { usableCores } from "../util/machine.ts";
import { loadConfig } from "./config-file.ts";
import { interruptible } from "./interrupt.ts";
import { dataOf, findNetwork } from "./network.ts";
import { noticeView } from "./notices.ts";
import { imagesError } from "../study/events.ts";
import { accuracyCell } from "./tables.ts";
import { counted, duration, fixed, paint, print, say, thousands } from "./output.ts";
import { trainProgress } from "./train-progress.ts";
import { claimTraining, createKeeper, type StateKeeper } from "./train-state.ts";

export interface TrainOptions {
  readonly data?: string;
  readonly size?: number;
  readonly mostDamaged?: number;
  readonly strictData?: boolean;
  readonly width?: number;
  readonly recipe?: RecipeName;
  readonly epochs?: number;
  readonly batch?: number;
  readonly workers?: number;
  readonly flip?: boolean;
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
  readonly candidate: Network;
  readonly dataset: Dataset;
  /** Seed that decides which images are trained on. */
  readonly dataSeed: number;
  readonly plan: Plan;
  readonly order: TrainOrder;
  readonly keeper: StateKeeper | null;
}

/** How often a network is judged on the way. On an eighth of the images that takes 3.5 to 4.8 % of an epoch. */
const validations = 20;

/** A recipe by name: those of a search may be changed in the config. */
const recipeOf = (config: Config, name: RecipeName): Recipe =>
  name === "proxy" || name === "final" ? config[name] : recipes[name];

async function prepare(text: string, options: TrainOptions): Promise<Task> {
  const { data, size, width, recipe: which = "final", epochs, batch, out, resume = false, json } = options;
  // A misspelt name shows before images are read, which can take long.
  findNetwork(text, { width });
  // A trial is trained on its run's data, split as there, so that no image it is tested on was trained on before.
  const own = dataOf(text);
  const config = await loadConfig(options.config, {
    ...own?.data,
    ...(data === undefined ? {} : { data }),
    ...(size === undefined ? {} : { size }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.mostDamaged === undefined ? {} : { mostDamaged: options.mostDamaged }),
    ...(options.strictData === undefined ? {} : { strictData: options.strictData }),
  });
  const named = recipeOf(config, which);
  const learningRate = batch === undefined ? undefined : (named.learningRate * batch) / named.batch;
  const flip = options.flip ?? config.flip ?? undefined;
  const recipe = changed(named, { epochs, batch, learningRate, flip });
  const slow = setTimeout(() => json === true || say(`data     reading ${config.data}`), 1000);
  // Data that the user names may be others.
  const isOwn = own !== null && data === undefined && config.size === own.data.size;
  const loading = isOwn ? loadKnown(config, own.known) : loadStudyData(config);
  const dataset = await loading.finally(() => clearTimeout(slow));
  const plan = planFor(recipe, dataset, options.workers ?? workersFor(recipe, dataset, usableCores()));
  const network = findNetwork(text, { width }, taskOf(dataset));
  // A network is trained for the data at hand, whatever it was written down for.
  const candidate = networkOf({ ...network.arch, task: taskOf(dataset) });
  const { notation, graph, costs } = candidate;
  const name = network.kind === "notation" ? notation : network.name;
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
  const notice = noticeView(json === true ? "stdout" : "none");
  for (const message of dataset.warnings) notice({ event: "warning", message });
  if (json !== true) {
    say(`data     ${describeDataset(dataset)}`);
    if (out === undefined) say("weights  are not kept; --out FILE keeps them");
    if (init !== null)
      say(
        `weights  from ${options.init}${init.isClassifierFresh ? ", with a fresh classifier: the classes differ" : ""}`,
      );
    say(
      `network  ${name}: ${describeTask(candidate.arch.task)}; ${thousands(costs.params)} parameters, ${thousands(costs.madds)} multiply-adds`,
    );
    if (!isSameTask(network.arch.task, candidate.arch.task))
      say(`adapted  to these data; it was written for ${describeTask(network.arch.task)}`);
    say(
      `recipe   ${which}, ${fixed(plan.epochs, plan.epochs < 1 ? 2 : 0)} epochs (${plan.steps} steps), seed ${config.seed}`,
    );
    say(`batch    ${batchLine(plan, recipe)}`);
    const slowness = guardWarning();
    if (slowness !== null) say(`slow     ${slowness}`);
    if (keeper?.resume !== undefined) say(`resumed  after step ${keeper.resume.steps}`);
  }
  const order = {
    notation,
    dataset,
    recipe,
    seed,
    withTest: options.test ?? false,
    validations,
    ...(init === null ? {} : { init: init.weights }),
    ...(keeper?.resume === undefined ? {} : { resume: keeper.resume }),
  };
  return { name, candidate, dataset, dataSeed: config.seed, plan, order, keeper };
}

function batchLine({ batch, workers }: Plan, recipe: Recipe): string {
  const changedFrom = batch === recipe.batch ? "" : ` (the recipe says ${recipe.batch})`;
  return `${counted(batch, "image")}${changedFrom}, ${counted(workers, "worker")} of ${counted(batch / workers, "image")}`;
}

/** What a training that stopped short ends with; what it has done is kept, whatever stopped it. */
function stopped(error: unknown, { name, plan, keeper }: Task, isInterrupted: boolean): unknown {
  if (error instanceof Diverged) {
    // Going on would end in the same way.
    keeper?.remove();
    return new MnasError("TRAINING_FAILED", `Cannot train ${name} with this recipe: ${error.message}`, {
      hint: "Lower the learning rate: `learningRate` of the recipe in mnas.config.ts, or a smaller --batch.",
      cause: error,
    });
  }
  let step: number | null;
  try {
    step = keeper?.save() ?? null;
  } catch (full) {
    return isInterrupted ? full : error;
  }
  if (!isInterrupted) {
    if (step !== null) say(`kept     step ${step} of ${plan.steps}: --resume goes on from there`);
    return error;
  }
  return step === null
    ? new MnasError("INTERRUPTED", "Training interrupted; nothing was written")
    : new MnasError("INTERRUPTED", `Training interrupted after step ${step} of ${plan.steps}`, {
        hint: "Add --resume to the same command to continue.",
      });
}

/** Trains, telling how far it is. */
async function run(task: Task, json: boolean, signal: AbortSignal): Promise<Trained> {
  const { plan, order, keeper } = task;
  using lock = openQuietLock();
  const progress = trainProgress(plan.stepsPerEpoch, order.resume?.steps ?? 0, json);
  const notice = noticeView(json ? "stdout" : "none");
  onDamage(
    inWords((message) => {
      progress.end();
      notice({ event: "warning", message });
    }),
  );
  let isTold = json;
  const onWait = (): void => {
    if (!isTold) say("waiting  while latency is measured on this machine");
    isTold = true;
  };
  const hold = <T>(step: () => T): Promise<T> => lock.shared(step, { signal, onWait });
  const training = trainInParallel(order, { workers: plan.workers, signal, hold });
  try {
    for (;;) {
      const { done, value } = await training.next();
      if (done === true) return value;
      progress.show(value);
      keeper?.after(value, value.step % plan.stepsPerEpoch === 0);
    }
  } catch (error) {
    progress.end();
    throw stopped(error, task, signal.aborted);
  } finally {
    progress.end();
    // What failed may be ours, and its threads wait for the next step.
    await training.return(undefined as never);
  }
}

/** `mnas train NETWORK --data …` */
export async function trainNetwork(text: string, options: TrainOptions): Promise<void> {
  const { test = false, out, resume = false, force = false, json = false } = options;
  if (resume && out === undefined)
    throw new MnasError("USAGE", "Cannot resume: --resume needs --out", { hint: "Name the weights." });
  if (force && (resume || out === undefined)) {
    const why = resume ? "--resume goes on with what is there" : "without --out there is no file to overwrite";
    throw new MnasError("USAGE", `Cannot train with --force: ${why}`, { hint: "Leave --force out." });
  }
  using _ = out === undefined ? null : claimTraining(out, { resume, force });
  const task = await prepare(text, options);
  const ended = (): MnasError => new MnasError("INTERRUPTED", "Training interrupted");
  const trained = await interruptible(json, ended, (signal) => run(task, json, signal));
  const { weights, accuracy, testAccuracy, seconds } = trained;
  const { notation, graph } = task.candidate;
  if (out !== undefined)
    saveCheckpoint(out, graph, {
      notation,
      weights,
      facts: factsOf({ ...task.order, ...trained, seed: task.dataSeed }),
    });
  task.keeper?.remove();
  if (json) {
    const { workers } = task.plan;
    const result = { name: task.name, notation, accuracy, testAccuracy, seconds, workers, weights: out ?? null };
    return print(JSON.stringify({ event: "done", ...result }));
  }
  const warning = guessWarning(accuracy, task.dataset.validation);
  if (warning !== null) say(`${paint("yellow", "warning:", process.stderr)} ${warning}`);
  const shown = (share: number | null, images: { readonly count: number }): string =>
    accuracyCell({ accuracy: share, accuracyError: share === null ? null : imagesError(share, images.count) });
  print(`validation accuracy  ${shown(accuracy, task.dataset.validation)}`);
  if (test) print(`test accuracy        ${shown(testAccuracy, task.dataset.test)}`);
  print(`trained in           ${duration(seconds)}${out === undefined ? "" : `, weights in ${out}`}`);
}
