import { cpus, totalmem } from "node:os";
import { recordConfig, type Config } from "../config/config.ts";
import type { Dataset } from "../data/dataset.ts";
import { checkSustained } from "../device/canary.ts";
import type { LatencyDevice } from "../device/device.ts";
import { openDevice } from "../device/open.ts";
import { leastSpearman } from "../device/predict/fit.ts";
import { MnasError } from "../errors.ts";
import { checkReward } from "../reward/reward.ts";
import type { SearchEvent } from "../study/events.ts";
import { createRun, type Run } from "../study/run.ts";
import { initStudy, loadStudyData, runSearch } from "../study/search.ts";
import { writeFileAtomically } from "../util/files.ts";
import { version } from "../version.ts";
import { loadConfig } from "./config-file.ts";
import { fixed, invocation, print, say } from "./output.ts";
import { progressView } from "./progress.ts";
import { resumed, resumeOptions, settings, type SearchOptions } from "./resume.ts";
import { summary } from "./summary.ts";

const environment = () => ({
  mnas: version,
  node: process.versions.node,
  platform: `${process.platform} ${process.arch}`,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memoryBytes: totalmem(),
});

/** Opens a device; one that predicts must rank networks well enough, or the user must insist. */
async function trustedDevice({ device: name, sustained }: Config, isForced: boolean): Promise<LatencyDevice> {
  const device = await openDevice(name);
  checkSustained(device, sustained);
  const heldOut = device.predicts?.heldOut ?? null;
  if (isForced || heldOut === null || (heldOut.spearman ?? -1) >= leastSpearman) return device;
  await device[Symbol.asyncDispose]();
  throw new MnasError(
    "USAGE",
    `Cannot search with "${name}": its rank correlation with measurements is ${fixed(heldOut.spearman, 3)}, must be at least ${leastSpearman}`,
    { hint: "Fit it to more samples or with a prior, or use --force." },
  );
}

/** `mnas search` */
export async function search(options: SearchOptions): Promise<void> {
  const json = options.json === true;
  const stop = new AbortController();
  let dir = "";
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130);
    if (!json) say("\nstopping; press Ctrl-C again to stop at once");
    const how =
      dir === "" ? "Nothing was begun." : `Continue with \`${invocation} search ${resumeOptions(dir, options)}\`.`;
    stop.abort(new MnasError("INTERRUPTED", "Search interrupted; everything done so far is kept", { hint: how }));
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);

  try {
    if (options.resume !== undefined) {
      const { run, config } = await resumed(options);
      using _ = run;
      dir = run.dir;
      checkReward(config.reward, config.target ?? 1);
      // Who began it has accepted the device.
      await using device = await trustedDevice(config, true);
      await go(run, config, await loadStudyData(config), device);
    } else {
      const flags = settings(options);
      const config = await loadConfig(options.config, flags);
      checkReward(config.reward, config.target ?? 1);
      const dataset = await loadStudyData(config);
      await using device = await trustedDevice(config, options.force === true);
      stop.signal.throwIfAborted();
      const record = environment();
      using run = createRun(options.out, (store) => {
        initStudy(store, config, dataset, record);
        store.set("flags", Object.keys(flags));
      });
      dir = run.dir;
      writeFileAtomically(`${dir}/config.json`, JSON.stringify(recordConfig(config), null, 2));
      writeFileAtomically(`${dir}/environment.json`, JSON.stringify(record, null, 2));
      await go(run, config, dataset, device);
    }
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }

  async function go(run: Run, config: Config, dataset: Dataset, device: LatencyDevice): Promise<void> {
    const view = json ? null : progressView(config, dataset);
    const emit = (event: SearchEvent): void => {
      if (view !== null) view.show(event);
      else if (event.event !== "training" && event.event !== "measuring") print(JSON.stringify(event));
      if (event.event === "done" && view !== null) {
        view.end();
        summary(event, `search ${resumeOptions(dir, options)} --trials ${2 * config.trials}`);
      }
    };
    try {
      await runSearch(run, config, { dataset, device, signal: stop.signal, emit });
    } finally {
      view?.end();
    }
  }
}
