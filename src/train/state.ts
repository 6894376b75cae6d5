import { createHash } from "node:crypto";
import { z } from "zod";
import type { EngineState } from "../engine/engine.ts";
import { MnasError } from "../errors.ts";
import { parametersOf, type Graph } from "../graph/graph.ts";
import type { Weights } from "../graph/weights.ts";
import type { Recipe } from "./recipe.ts";
import { readTensors, writeTensors } from "./safetensors.ts";
import { parseJson } from "../util/json.ts";

/** What decides the bits of a training; it goes on only with the same. */
export interface TrainIdentity {
  readonly network: string;
  /** Key of the data. */
  readonly data: string;
  readonly seed: string;
  readonly workers: number;
  /** Hash of the weights it began with; null for fresh ones. */
  readonly init: string | null;
  readonly recipe: Recipe;
}

export function hashWeights(weights: Weights): string {
  const hash = createHash("sha256");
  for (const [name, values] of weights) {
    hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex").slice(0, 16);
}

/**
 * Writes where a training is: weights, the optimizer's arrays and the moving average as `SECTION/PARAMETER`, the step and
 * the identity as metadata. Random numbers need no state: they depend on seed and step alone.
 */
export function saveState(file: string, graph: Graph, { steps, sections }: EngineState, identity: TrainIdentity): void {
  const parameters = parametersOf(graph);
  const arrays = [...sections].flatMap(([section, weights]) =>
    parameters.map(({ name, shape }) => [`${section}/${name}`, { shape, values: weights.get(name)! }] as const),
  );
  const metadata = { format: "mnas-training", step: String(steps), identity: JSON.stringify(identity) };
  writeTensors(file, { arrays: new Map(arrays), metadata });
}

const identitySchema = z.looseObject({ recipe: z.looseObject({}) });

/** The identity in a file, its settings in the order in which they were written; null where there is none. */
function readIdentity(text: string | undefined): object | null {
  try {
    const found = parseJson(text ?? "");
    return identitySchema.safeParse(found).success ? (found as object) : null;
  } catch {
    return null;
  }
}

/** What two trainings do not share, as `name: was → is`. */
function differences(was: object, is: object): string[] {
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  return names.flatMap((name) => {
    const [a, b] = [was, is].map((side) => (side as Record<string, unknown>)[name]);
    if (name === "recipe") return differences(a as object, b as object).map((line) => `recipe.${line}`);
    const [old, now] = [a, b].map((value) => JSON.stringify(value));
    if (old === now) return [];
    // A key says nothing to people.
    return [name === "data" ? "other images, or other names or sizes of them" : `${name}: ${old} → ${now}`];
  });
}

/**
 * Reads where a training was.
 *
 * @throws MnasError `FILE_NOT_FOUND`; `MODEL_INVALID` when the file is damaged; `RUN_MISMATCH` saying what differs when it
 * is of another training.
 */
export function loadState(file: string, graph: Graph, identity: TrainIdentity): EngineState {
  const { arrays, metadata } = readTensors(file);
  const invalid = (why: string): MnasError =>
    new MnasError("MODEL_INVALID", `Cannot resume from "${file}": ${why}`, { hint: "Use --force to begin anew." });
  if (metadata["format"] !== "mnas-training") throw invalid("it holds no training");
  const was = readIdentity(metadata["identity"]);
  if (was === null) throw invalid("it does not say which training it is of");
  const unlike = differences(was, JSON.parse(JSON.stringify(identity)) as object);
  if (unlike.length > 0) {
    throw new MnasError("RUN_MISMATCH", `Cannot resume from "${file}" with other settings: ${unlike.join("; ")}`, {
      hint: "Give the old settings, or use --force without --resume to begin anew.",
    });
  }
  const { step = "" } = metadata;
  if (!/^\d{1,15}$/.test(step)) throw invalid(`its step is "${step}"`);
  const names = new Set([...arrays.keys()].map((name) => name.slice(0, name.indexOf("/"))));
  const sections = [...names].map((section) => {
    const weights = parametersOf(graph).map(({ name, shape }) => {
      const found = arrays.get(`${section}/${name}`);
      if (found === undefined) throw invalid(`"${section}/${name}" is missing`);
      if (found.shape.join() !== shape.join()) throw invalid(`"${section}/${name}" has another shape`);
      return [name, found.values] as const;
    });
    return [section, new Map(weights)] as const;
  });
  if (!names.has("weights")) throw invalid("it has no weights");
  return { steps: Number(step), sections: new Map(sections) };
}
