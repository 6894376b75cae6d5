import { existsSync, statSync } from "node:fs";
import { zooArch, zooNames } from "../arch/zoo.ts";
import type { Config, RecordedConfig } from "../config/config.ts";
import { MnasError } from "../errors.ts";
import type { Weights } from "../graph/weights.ts";
import type { Arch, Task } from "../space/arch.ts";
import { parseArch } from "../space/notation.ts";
import type { Trial } from "../store/store.ts";
import { bestTraining } from "../study/final-row.ts";
import { findRun, openRun } from "../study/run.ts";
import { loadCheckpoint } from "../train/checkpoint.ts";
import { readFile } from "../util/files.ts";
import { shellWord } from "../util/shell.ts";
import { weightsFile } from "../worker/work.ts";
import { networkKinds, refuseUnused, taskOptions, type NetworkOptions } from "./network-options.ts";
import { counted } from "./output.ts";

/** A network that the user named, with its weights if it was trained. */
export interface NamedNetwork {
  readonly kind: keyof typeof networkKinds;
  readonly name: string;
  readonly arch: Arch;
  readonly weights: Weights | null;
  /** The training that the weights come from, for people; null without one. */
  readonly training: string | null;
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

/** What the networks of a run were trained on; null for what is no trial. */
export function dataOf(text: string): Pick<Config, "data" | "size" | "seed"> | null {
  if (!/#\d+$/.test(text)) return null;
  using run = openRun(findTrial(text).dir);
  const { data, size, seed } = run.store.get("config") as RecordedConfig;
  return { data, size, seed };
}

/** The best trained weights of a trial: those of its long training, else of the proxy; null when it has none. */
function weightsOf(dir: string, trial: Trial): Pick<NamedNetwork, "weights" | "training"> {
  using run = openRun(dir);
  const final = bestTraining(run.store.trials("final").filter(({ notation }) => notation === trial.notation));
  const proxy = trial.source === null ? trial : { ...trial, number: trial.source };
  const found = [
    ...(final === null ? [] : [{ key: final, training: "long training as a finalist" }]),
    { key: proxy, training: "short training in the search" },
  ].find(({ key }) => existsSync(weightsFile(dir, key)));
  return found === undefined
    ? { weights: null, training: null }
    : { weights: loadCheckpoint(weightsFile(dir, found.key)).weights, training: found.training };
}

function readArchFile(file: string): Arch {
  const text = readFile(file).toString("utf8");
  let notation: unknown;
  try {
    notation = (JSON.parse(text) as { notation?: unknown }).notation;
  } catch (error) {
    throw new MnasError("ARCH_INVALID", `Cannot read architecture "${file}": it is not JSON`, { cause: error });
  }
  if (typeof notation !== "string") {
    throw new MnasError("ARCH_INVALID", `Cannot read architecture "${file}": it has no "notation"`, {
      hint: "Make one with `mnas models mnasnet-a1 --json`.",
    });
  }
  return parseArch(notation);
}

/** How a text names a network. Throws `ARCH_INVALID` when it names none. */
function kindOf(text: string): keyof typeof networkKinds {
  if (zooNames.includes(text)) return "zoo";
  if (/^\s*in\d+x/.test(text)) return "notation";
  if (/#\d+$/.test(text)) return "trial";
  if (existsSync(text) && statSync(text).isFile()) return "file";
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
export function findNetwork(text: string, options: NetworkOptions = {}, task: Partial<Task> = {}): NamedNetwork {
  const kind = kindOf(text);
  refuseUnused(text, networkKinds[kind], options);
  const plain = { kind, name: text, weights: null, training: null, trial: null };
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
