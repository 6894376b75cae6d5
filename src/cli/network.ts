import type { WorkOrder } from "../store/facts.ts";
import { existsSync, statSync } from "node:fs";
import { zooArch, zooNames } from "../arch/zoo.ts";
import type { RecordedConfig } from "../config/config.ts";
import { spellingOf } from "../data/place.ts";
import { MnasError } from "../errors.ts";
import type { Weights } from "../graph/weights.ts";
import type { Arch, Task } from "../space/arch.ts";
import { parseArch } from "../space/notation.ts";
import type { Phase, Trial } from "../store/store.ts";
import { bestTraining } from "../study/final-row.ts";
import { findRun, openRun } from "../study/run.ts";
import { loadCheckpoint } from "../train/checkpoint.ts";
import type { TrainingFacts } from "../train/facts.ts";
import { readFile } from "../util/files.ts";
import { parseJson } from "../util/json.ts";
import { shellWord } from "../util/shell.ts";
import { workOrderOf } from "../worker/order.ts";
import { weightsFile } from "../worker/work.ts";
import { networkKinds, refuseUnused, taskOptions, type NetworkOptions } from "./network-options.ts";
import { counted } from "./output.ts";

/** A network that the user named, with its weights if it was trained. */
export interface NamedNetwork {
  readonly kind: keyof typeof networkKinds;
  readonly name: string;
  readonly arch: Arch;
  readonly weights: Weights | null;
  /** Facts of the training; null without one, and where the weights do not say it. */
  readonly facts: TrainingFacts | null;
  /** The training of a run that the weights come from, with a text for people; null without one. */
  readonly training: { readonly phase: Phase; readonly text: string } | null;
  /** The file of weights that the best training left and that is gone; null when that is not so. */
  readonly lost: { readonly file: string; readonly isFinal: boolean } | null;
  /** The run folder and trial, when it is one. */
  readonly trial: { readonly dir: string; readonly trial: Trial } | null;
}

/** A trial by `RUN#N`. Throws `RUN_NOT_FOUND`, `TRIAL_NOT_FOUND`. */
export function findTrial(text: string): { dir: string; trial: Trial } {
  const [, name = "", number = ""] = /^(.*)#(\d+)$/.exec(text) ?? [];
  if (name === "") {
    throw new MnasError("USAGE", `Cannot find trial "${text}": it must be RUN#N`, {
      hint: "For example `mnas show runs/first#3`.",
    });
  }
  const dir = findRun(name);
  using run = openRun(dir);
  const trial = run.store.trial({ phase: "search", number: Number(number) });
  if (trial === null) {
    throw new MnasError(
      "TRIAL_NOT_FOUND",
      `Cannot find trial ${number} in "${dir}": it has ${counted(run.store.trials("search").length, "trial")}`,
      {
        hint: `List them with \`mnas trials ${shellWord(name)}\`.`,
      },
    );
  }
  return { dir, trial };
}

/** The data that the networks of a run were trained on, as a config names them; null for a network of no run. */
export function dataOf(text: string): WorkOrder | null {
  if (!/#\d+$/.test(text)) return null;
  using run = openRun(findTrial(text).dir);
  const { data, known } = workOrderOf(run.store);
  return { data: { ...data, data: spellingOf(data.data) }, known };
}

/**
 * The best trained weights of a trial: those of its long training, else of the proxy. A file that should be there and is not
 * counts as lost, and the other's weights are given.
 */
function weightsOf(dir: string, trial: Trial): Pick<NamedNetwork, "weights" | "facts" | "training" | "lost"> {
  using run = openRun(dir);
  const long = bestTraining(run.store.trials("final").filter(({ notation }) => notation === trial.notation));
  const proxy = trial.source === null ? trial : run.store.trial({ phase: "search", number: trial.source });
  const trainings = [
    { of: long, training: "long training as a finalist" },
    { of: proxy, training: "short training in the search" },
  ].flatMap(({ of, training }) => (of?.state === "complete" ? [{ of, file: weightsFile(dir, of), training }] : []));
  const found = trainings.find(({ file }) => existsSync(file));
  const best = trainings[0];
  // Other programs need not write any.
  const { evaluate = null } = (run.store.get("config") ?? {}) as Partial<RecordedConfig>;
  const isLost = best !== undefined && best !== found && evaluate === null;
  const lost = isLost ? { file: best.file, isFinal: best.of.phase === "final" } : null;
  if (found === undefined) return { weights: null, facts: null, training: null, lost };
  const { weights, facts } = loadCheckpoint(found.file);
  return { weights, facts, training: { phase: found.of.phase, text: found.training }, lost };
}

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();

function readArchFile(file: string): Arch {
  const text = readFile(file).toString("utf8");
  let notation: unknown;
  try {
    notation = (parseJson(text) as { notation?: unknown }).notation;
  } catch (error) {
    const hint =
      "Give a JSON file that `mnas models NAME --json` wrote; files of weights go to --weights of `mnas export`.";
    throw new MnasError("ARCH_INVALID", `Cannot read architecture "${file}": it is not JSON`, { cause: error, hint });
  }
  if (typeof notation !== "string") {
    throw new MnasError("ARCH_INVALID", `Cannot read architecture "${file}": it has no "notation"`, {
      hint: "Make one with `mnas models mnasnet-a1 --json`.",
    });
  }
  return parseArch(notation);
}

const zooPrefix = "zoo:";

/** Refuses a name of the zoo that is also that of a file. */
function checkZooName(text: string): void {
  if (!isFile(text)) return;
  throw new MnasError("USAGE", `Cannot tell which network "${text}" means: the model of the zoo, or the file`, {
    hint: `Use ${zooPrefix}${text} for the model, or ./${text} for the file.`,
  });
}

/** How a text names a network. Throws `ARCH_INVALID` when it names none, `USAGE` when it names two. */
function kindOf(text: string): keyof typeof networkKinds {
  if (text.startsWith(zooPrefix) && zooNames.includes(text.slice(zooPrefix.length))) return "zoo";
  if (zooNames.includes(text)) {
    checkZooName(text);
    return "zoo";
  }
  if (/^\s*in\d+x/.test(text)) {
    if (!text.trimEnd().endsWith("…")) return "notation";
    throw new MnasError("ARCH_INVALID", `Cannot read architecture "${text}": it was cut to fit a terminal`, {
      hint: "Name the trial as RUN#N, or print the table into a pipe.",
    });
  }
  if (/#\d+$/.test(text)) return "trial";
  if (isFile(text)) return "file";
  throw new MnasError("ARCH_INVALID", `Cannot find network "${text}": it is no zoo name, notation, file or RUN#N`, {
    hint: `Zoo names are ${zooNames.join(", ")}.`,
  });
}

/**
 * The network of a zoo name, a notation, a JSON file with a notation, or `RUN#N`. A zoo network is built for the images and
 * classes of `task` where the options say nothing else.
 *
 * @throws MnasError `ARCH_INVALID`, `RUN_NOT_FOUND`, `TRIAL_NOT_FOUND`, `FILE_NOT_FOUND`; `USAGE` for an option that does not
 * apply to the network.
 */
export function findNetwork(given: string, options: NetworkOptions = {}, task: Partial<Task> = {}): NamedNetwork {
  const kind = kindOf(given);
  const text = kind === "zoo" ? given.replace(zooPrefix, "") : given;
  refuseUnused(text, networkKinds[kind], options);
  const plain = { kind, name: text, weights: null, facts: null, training: null, lost: null, trial: null };
  if (kind === "zoo") {
    const { width = 1 } = options;
    const arch = zooArch(text, { width, task: { ...task, ...taskOptions(options) } });
    return { ...plain, name: width === 1 ? text : `${text} ×${width}`, arch };
  }
  if (kind === "notation") return { ...plain, arch: parseArch(text) };
  if (kind === "file") return { ...plain, arch: readArchFile(text) };
  const found = findTrial(text);
  const arch = parseArch(found.trial.notation);
  return { kind, name: text, arch, ...weightsOf(found.dir, found.trial), trial: found };
}
