import { MnasError } from "../errors.ts";
import { initWeights, type Weights } from "../graph/weights.ts";
import { formatArch, parseArch } from "../space/notation.ts";
import { networkOf, type Network } from "../arch/network.ts";
import type { Trial } from "../store/store.ts";
import { loadCheckpoint } from "../train/checkpoint.ts";
import type { TrainingFacts } from "../train/facts.ts";
import { createRng } from "../util/rng.ts";
import { shellWord } from "../util/shell.ts";
import { findNetwork, type NamedNetwork } from "./network.ts";
import { refuseUnused, type NetworkOptions } from "./network-options.ts";

export interface ExportedNetworkOptions extends NetworkOptions {
  readonly weights?: string;
  readonly untrained?: boolean;
  readonly seed?: number;
}

/** A network to export. */
export interface ExportedNetwork {
  /** As the user named it. */
  readonly name: string;
  readonly candidate: Network;
  readonly weights: Weights;
  readonly isTrained: boolean;
  /** The training of a run that made the weights; null for other weights. */
  readonly training: NamedNetwork["training"];
  /** Facts of the training; null for a network without one, and where the weights do not say it. */
  readonly facts: TrainingFacts | null;
  /** The folder of the run that trained the weights; null when none did. */
  readonly run: string | null;
}

const weightsKind = {
  uses: [],
  reason: "the weights say which network they are for",
  hint: "Leave them out.",
} as const;

/** The network of a file of weights, which must be the one that the user names, if any. */
function fromFile(text: string | undefined, file: string, options: NetworkOptions): ExportedNetwork {
  const { notation, weights, facts } = loadCheckpoint(file);
  const arch = parseArch(notation);
  if (text === undefined) refuseUnused(file, weightsKind, options);
  else {
    // A zoo network is another one for each size of images.
    const named = formatArch(findNetwork(text, options, arch.task).arch);
    if (named !== formatArch(arch)) {
      throw new MnasError("MODEL_INVALID", `Cannot use weights "${file}" for ${named}: they are for ${notation}`, {
        hint: "Leave the network and its options out: the weights say which one they are for.",
      });
    }
  }
  return {
    name: text ?? file,
    candidate: networkOf(arch),
    weights,
    isTrained: true,
    training: null,
    facts,
    run: null,
  };
}

/** How a trial ended, as tables of trials say it. */
const stateText = ({ state }: Trial): string => (state === "pruned" ? "over the gate" : state);

/** Why a network has no weights to export. */
function refuseUntrained(text: string, { trial, lost }: NamedNetwork): never {
  const word = shellWord(text);
  const train = `Train it with \`mnas train ${word} --out w.safetensors\` and export with --weights w.safetensors`;
  if (lost !== null) {
    const again = `\`mnas search --resume ${shellWord(trial!.dir)}\` trains it again.`;
    throw new MnasError("FILE_NOT_FOUND", `Cannot export "${text}": its weights "${lost.file}" are lost`, {
      hint: lost.isFinal ? again : `${train}.`,
    });
  }
  const state = trial === null ? "" : ` (trial ${trial.trial.number}: ${stateText(trial.trial)})`;
  throw new MnasError("USAGE", `Cannot export "${text}": it has no trained weights${state}`, {
    hint: `${train}, or add --untrained for random weights.`,
  });
}

/** The network that the user names, with the weights that its run has for it, or with random ones if that is asked for. */
function fromName(text: string, options: ExportedNetworkOptions): ExportedNetwork {
  const { untrained = false, seed = 0 } = options;
  const network = findNetwork(text, options);
  const { weights, training, facts, lost, trial } = network;
  const candidate = networkOf(network.arch);
  if (!untrained) {
    if (weights === null || lost !== null) return refuseUntrained(text, network);
    return { name: text, candidate, weights, isTrained: true, training, facts, run: trial!.dir };
  }
  if (weights !== null && lost === null) {
    throw new MnasError("USAGE", `Cannot export "${text}" with --untrained: it has trained weights`, {
      hint: "Leave out --untrained.",
    });
  }
  const random = initWeights(candidate.graph, createRng(seed));
  return { name: text, candidate, weights: random, isTrained: false, training: null, facts: null, run: null };
}

/**
 * The network that the user names, or whose weights the user gives.
 *
 * @throws MnasError as `findNetwork` and `loadCheckpoint`; `FILE_NOT_FOUND` when a run has lost the weights; `USAGE` when there
 * are none and --untrained does not ask for random ones; `MODEL_INVALID` when weights are for another network.
 */
export function exportedNetwork(text: string | undefined, options: ExportedNetworkOptions): ExportedNetwork {
  const { weights, untrained = false } = options;
  if (weights !== undefined && untrained) {
    throw new MnasError("USAGE", "Cannot export with both --weights and --untrained", {
      hint: "Leave one of them out.",
    });
  }
  if (weights !== undefined) return fromFile(text, weights, options);
  if (text !== undefined) return fromName(text, options);
  throw new MnasError("USAGE", "Cannot export: no network is named", {
    hint: "Name a network, or give --weights FILE.",
  });
}
