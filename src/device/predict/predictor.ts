import { fileURLToPath } from "node:url";
import { z } from "zod";
import { MnasError } from "../../errors.ts";
import { writeFileAtomically } from "../../util/files.ts";
import type { DeviceModel, LatencyDevice } from "../device.ts";
import {
  errorText,
  heldOutSchema,
  leastMs,
  predictedLatency,
  provenanceSchema,
  readJson,
  taskSchema,
} from "../provenance.ts";
import { predictWith, tableSchema, type LatencyTable } from "../table/table.ts";
import { featuresOf, layersOf } from "./features.ts";
import { modelKinds, predict, type Model, type Point, type Prices } from "./models.ts";

const number = z.number().finite();
const numbers = z.array(number);

const modelSchema: z.ZodType<Model> = z.strictObject({
  kind: z.enum(modelKinds),
  weights: z.record(z.string(), number),
  correction: z
    .strictObject({
      prices: z.record(z.string(), number),
      length: number.positive(),
      layers: z.array(z.strictObject({ kind: z.string(), at: numbers, weight: number })),
    })
    .nullable(),
});

/** The file of `mnas fit`. */
const predictorSchema = z.strictObject({
  kind: z.literal("latency-predictor"),
  /** Of mnas. */
  version: z.string(),
  measuredOn: provenanceSchema,
  /** ISO 8601; null for devices that compute, and for measurements of an unknown time. */
  time: z.string().nullable(),
  /** Null for one that is of no space in particular. */
  space: z.string().nullable(),
  task: taskSchema.nullable(),
  /** Networks that it was fitted to. */
  samples: z.int().positive(),
  heldOut: heldOutSchema,
  model: modelSchema,
  /** What else it builds upon: a table or a predictor of another device, whole. */
  prior: z.lazy((): z.ZodType<Prior | null> => z.union([tableSchema, predictorSchema]).nullable()),
});

export interface Predictor extends Omit<z.output<typeof predictorSchema>, "prior"> {
  readonly prior: Prior | null;
}
export type Prior = LatencyTable | Predictor;

/** Throws `FILE_NOT_FOUND`, or `CONFIG_INVALID` when it is no predictor. */
export const readPredictor = (file: string): Predictor => readJson(file, predictorSchema, "latency predictor");

/** A table or a predictor to build upon. Throws as {@link readPredictor}. */
export const readPrior = (file: string): Prior =>
  readJson(file, z.discriminatedUnion("kind", [tableSchema, predictorSchema]), "latency table or predictor");

/** The prices of layers on a server, for a start: what `scripts/latency-prior.ts` made. */
export const builtInPrior = (): Prior =>
  readPredictor(fileURLToPath(new URL("../../../assets/latency-prior.json", import.meta.url)));

export const writePredictor = (file: string, predictor: Predictor): void =>
  writeFileAtomically(file, `${JSON.stringify(predictor, null, 1)}\n`);

type Modelled = Pick<DeviceModel, "name" | "graph" | "arch">;

/** A network as a model sees it. Throws `MODEL_INVALID` for a model file, and for layers that the prior does not have. */
export function pointOf(model: Modelled, prior: Prior | null): Point {
  const { name, graph, arch } = model;
  if (graph === null || arch === undefined)
    throw new MnasError("MODEL_INVALID", `Cannot predict "${name}": the layers of a model file are not known`, {
      hint: "Measure it on a device, for example with --device host.",
    });
  const layers = layersOf(graph);
  return { costs: featuresOf(layers), layers, priorMs: prior === null ? null : Math.max(leastMs, msBy(prior, model)) };
}

const msBy = (prior: Prior, model: Modelled): number =>
  prior.kind === "latency-table"
    ? predictWith(prior, model.arch!, model.name)
    : predict(prior.model, pointOf(model, prior.prior));

/** What a prior takes for each kind of work; null of a table, which does not say. */
export const pricesOf = (prior: Prior | null): Prices | null =>
  prior?.kind === "latency-predictor" ? (prior.model.correction?.prices ?? prior.model.weights) : null;

/**
 * A predictor that `mnas fit` made: says what networks take on the device whose networks it was fitted to.
 *
 * @throws MnasError `FILE_NOT_FOUND`, or `CONFIG_INVALID` when the file is no predictor.
 */
export function openPredictor(file: string): LatencyDevice {
  const { measuredOn, time, task, samples, heldOut, model, prior } = readPredictor(file);
  const when = time === null ? "" : `, ${time.slice(0, 10)}`;
  let isClosed = false;
  return {
    name: `predictor:${file}`,
    description: `fitted to ${samples} networks measured on ${measuredOn.description}${when}; ${errorText(heldOut)}`,
    origin: "predicted",
    predicts: { device: measuredOn.name, task, heldOut },
    measure: async (network, { signal } = {}) => {
      signal?.throwIfAborted();
      if (isClosed)
        throw new MnasError("DEVICE_UNAVAILABLE", `Cannot predict "${network.name}": the predictor is closed`);
      return predictedLatency(measuredOn, predict(model, pointOf(network, prior)));
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
    },
  };
}
