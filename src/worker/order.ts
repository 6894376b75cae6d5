import type { DataOrder, KnownData } from "../data/known.ts";
import type { Store } from "../store/store.ts";

/** What a run keeps of its data: where they are, which ones they are, and what of them decides how networks work. */
export interface WorkOrder {
  readonly data: DataOrder;
  readonly known: KnownData;
}

/** As versions before facts were kept wrote it. */
interface OldOrder {
  readonly data: { readonly source: string; readonly seed: number; readonly size: number | null };
  readonly dataKey: string;
}

export const setWorkOrder = (store: Store, order: WorkOrder): void => store.set("work", order);

export function workOrderOf(store: Store): WorkOrder {
  const order = store.get("work") as WorkOrder | OldOrder;
  if ("known" in order) return order;
  const { source: data, seed, size } = order.data;
  return { data: { data, seed, size }, known: { key: order.dataKey, description: String(store.get("dataset")) } };
}
