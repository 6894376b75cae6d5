import { buildGraph } from "../arch/build.ts";
import { MnasError } from "../errors.ts";
import { parametersOf, type Graph } from "../graph/graph.ts";
import type { Weights } from "../graph/weights.ts";
import { parseArch } from "../space/notation.ts";
import { factsEntries, readFacts, type TrainingFacts } from "./facts.ts";
import { readTensors, writeTensors, type Tensors } from "./safetensors.ts";

/** A trained network as a file keeps it. */
export interface Checkpoint {
  readonly notation: string;
  readonly weights: Weights;
  /** Facts of the training; null in a file that does not say it. */
  readonly facts: TrainingFacts | null;
}

/** Writes weights with the notation of their network and the facts of their training. */
export function saveCheckpoint(
  file: string,
  graph: Graph,
  { notation, weights, facts }: Omit<Checkpoint, "facts"> & Partial<Checkpoint>,
): void {
  const arrays = parametersOf(graph).map(({ name, shape }) => [name, { shape, values: weights.get(name)! }] as const);
  const said = facts == null ? {} : factsEntries(notation, facts, parseArch(notation).task);
  writeTensors(file, { arrays: new Map(arrays), metadata: { format: "mnas", notation, ...said } });
}

/**
 * Reads weights and checks them against the network that the file names.
 *
 * @throws MnasError `FILE_NOT_FOUND`, or `MODEL_INVALID` when the file is damaged or its arrays do not fit.
 */
export function loadCheckpoint(file: string): Checkpoint {
  const tensors = readTensors(file);
  const { notation } = tensors.metadata;
  if (notation === undefined) {
    throw new MnasError("MODEL_INVALID", `Cannot use weights "${file}": it does not say which network they are for`, {
      hint: "Give a file that `mnas train --out` or a search wrote.",
    });
  }
  const arch = parseArch(notation);
  const weights = fitted(file, tensors, buildGraph(arch));
  return { notation, weights, facts: readFacts(tensors.metadata, arch.task) };
}

/** Reads the weights of a network from a file that need not say which one it is for. Throws as `loadCheckpoint` does. */
export const readWeights = (file: string, graph: Graph): Weights => fitted(file, readTensors(file), graph);

function fitted(file: string, { arrays }: Tensors, graph: Graph): Weights {
  const fail = (why: string): never => {
    throw new MnasError("MODEL_INVALID", `Cannot use weights "${file}": ${why}`);
  };
  return new Map(
    parametersOf(graph).map(({ name, shape }) => {
      const found = arrays.get(name) ?? fail(`"${name}" is missing`);
      if (found.shape.join("×") !== shape.join("×"))
        fail(`"${name}" is ${found.shape.join("×")}, must be ${shape.join("×")}`);
      if (!found.values.every(Number.isFinite)) fail(`"${name}" holds what is no finite number`);
      return [name, found.values] as const;
    }),
  );
}

/** Weights to begin a training with. */
export interface Beginning {
  readonly weights: Weights;
  /** Whether the classifier is not among them, since the file's tells other classes apart. */
  readonly isClassifierFresh: boolean;
}

/**
 * The weights of a file for a network that may have other classes and other images than theirs.
 *
 * @throws MnasError as `loadCheckpoint`, and `MODEL_INVALID` when another part of the network differs.
 */
export function loadBeginning(file: string, graph: Graph): Beginning {
  const { notation, weights } = loadCheckpoint(file);
  const shapes = new Map(
    parametersOf(buildGraph(parseArch(notation))).map(({ name, shape }) => [name, shape.join("×")]),
  );
  const parameters = parametersOf(graph);
  const unlike = parameters.filter(({ name, shape }) => shapes.get(name) !== shape.join("×")).map(({ name }) => name);
  const other =
    unlike.find((name) => !name.startsWith(`${graph.output.name}.`)) ??
    [...shapes.keys()].find((name) => parameters.every((parameter) => parameter.name !== name));
  if (other !== undefined) {
    throw new MnasError("MODEL_INVALID", `Cannot begin with weights "${file}": "${other}" differs`, {
      hint: `They are for ${notation}.`,
    });
  }
  return {
    weights: new Map([...weights].filter(([name]) => !unlike.includes(name))),
    isClassifierFresh: unlike.length > 0,
  };
}
