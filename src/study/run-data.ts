import type { Dataset } from "../data/dataset.ts";
import { dataFactsOf, loadKnown, loadOrdered, type DataOrder } from "../data/known.ts";
import { setWorkOrder, workOrderOf } from "../worker/order.ts";
import type { Run } from "./run.ts";

/** The settings of a config that decide which data are loaded. */
export const orderOf = ({ data, seed, size, mostDamaged, strictData }: DataOrder): DataOrder => ({
  data,
  seed,
  size,
  mostDamaged,
  strictData,
});

export const loadStudyData = (config: DataOrder): Promise<Dataset> => loadOrdered(orderOf(config));

type DamageRules = Pick<DataOrder, "mostDamaged" | "strictData">;

/** The data of a run, by default from where they were last, and as damaged as was allowed then. Throws as `loadKnown`. */
export function loadRunData({ store }: Pick<Run, "store">, place?: string, rules: DamageRules = {}): Promise<Dataset> {
  const { data, known } = workOrderOf(store);
  return loadKnown({ ...data, ...rulesOf(rules), data: place ?? data.data }, known);
}

const rulesOf = ({ mostDamaged, strictData }: DamageRules): DamageRules => ({
  ...(mostDamaged === undefined ? {} : { mostDamaged }),
  ...(strictData === undefined ? {} : { strictData }),
});

/** Lets a run go on with its data at another place, or with more of them damaged. */
export function moveRunData({ store }: Run, dataset: Dataset, rules: DamageRules = {}): void {
  const { data, known } = workOrderOf(store);
  setWorkOrder(store, {
    data: { ...data, ...rulesOf(rules), data: dataset.source },
    known: { ...dataFactsOf(dataset), ...known },
  });
}
