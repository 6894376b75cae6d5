import type { WorkOrder } from "../store/facts.ts";
import type { Store } from "../store/store.ts";

export const setWorkOrder = (store: Store, order: WorkOrder): void => store.set("work", order);

export function workOrderOf(store: Store): WorkOrder {
  const order = store.get("work")!;
  if ("known" in order) return order;
  const { source: data, seed, size } = order.data;
  return { data: { data, seed, size }, known: { key: order.dataKey, description: String(store.get("dataset")) } };
}

/** Whether a mirror was found to change the label of images of a run. */
export const changesLabels = (store: Pick<Store, "get">): boolean => (store.get("mirror")?.classes.length ?? 0) > 0;
