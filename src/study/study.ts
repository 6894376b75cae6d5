import { recordConfig, type Config } from "../config/config.ts";
import { describeDataset, type Dataset } from "../data/dataset.ts";
import { dataFactsOf } from "../data/known.ts";
import type { SteadyOptions } from "../device/canary.ts";
import type { LatencyDevice } from "../device/device.ts";
import type { Access } from "../device/remote/access.ts";
import type { Store } from "../store/store.ts";
import { setWorkOrder } from "../worker/order.ts";
import type { SearchEvent } from "./events.ts";
import { orderOf } from "./run-data.ts";
import type { Run } from "./run.ts";

/** Everything one search works with. */
export interface Study {
  readonly run: Run;
  readonly store: Store;
  readonly config: Config;
  readonly dataset: Dataset;
  readonly device: LatencyDevice;
  /** Where devices that join find us. */
  readonly listen?: Access | undefined;
  readonly targetMs: number;
  readonly signal: AbortSignal;
  readonly emit: (event: SearchEvent) => void;
  /** Waits for a device to settle; for tests. */
  readonly pause?: SteadyOptions["pause"];
}

/** What a run keeps of its beginning, written before anything else. */
export function initStudy(store: Store, config: Config, dataset: Dataset, environment: object): void {
  store.set("config", recordConfig(config));
  setWorkOrder(store, { data: orderOf(config), known: dataFactsOf(dataset) });
  store.set("environment", environment);
  store.set("dataset", describeDataset(dataset));
  store.set("testCount", dataset.test.count);
  if (config.evaluate === null) store.set("validationCount", dataset.validation.count);
  store.set("created", new Date().toISOString());
}
