import type { FileRecord } from "../store/facts.ts";
import { cpus, totalmem } from "node:os";
import { recordConfig, type Config } from "../config/config.ts";
import type { Dataset } from "../data/dataset.ts";
import { fileDataset } from "../data/filed.ts";
import type { LatencyDevice } from "../device/device.ts";
import type { Notice, OpenOptions } from "../device/options.ts";
import { MnasError } from "../errors.ts";
import { checkReward } from "../reward/reward.ts";
import type { SearchEvent } from "../study/events.ts";
import { createRun, type Run } from "../study/run.ts";
import { initStudy } from "../study/study.ts";
import { loadRunData, loadStudyData, moveRunData } from "../study/run-data.ts";
import { runSearch } from "../study/search.ts";
import { writeFileAtomically } from "../util/files.ts";
import { version } from "../version.ts";
import { loadConfigFile, mergeConfig } from "./config-file.ts";
import { abortable, interruptible } from "./interrupt.ts";
import { noticeView, openingOf } from "./notices.ts";
import { invocation, print, say } from "./output.ts";
import { progressView } from "./progress.ts";
import { openSearchDevice } from "./search-device.ts";
import { resumed, resumeOptions, settings, type SearchOptions } from "./resume.ts";
import { fileRecord } from "./resume-file.ts";
import { summary } from "./summary.ts";

/** What a run was made with and on. */
export const environment = () => ({
  mnas: version,
  node: process.versions.node,
  platform: `${process.platform} ${process.arch}`,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memoryBytes: totalmem(),
});

/** Keeps the settings that a run goes on with, in the study and for people. */
function record({ dir, store }: Run, config: Config, file: FileRecord | null): void {
  store.set("config", recordConfig(config));
  if (file !== null) store.set("configFile", file);
  writeFileAtomically(`${dir}/config.json`, JSON.stringify(recordConfig(config), null, 2));
}

/** `mnas search` */
export async function search(options: SearchOptions): Promise<void> {
  const json = options.json === true;
  let dir = "";
  /** Tells what a device says, before the search begins and while it runs. */
  let tell: (notice: Notice) => void = noticeView(json ? "stdout" : "none");
  const ended = (): MnasError =>
    new MnasError("INTERRUPTED", "Search interrupted; everything done so far is kept", {
      hint:
        dir === "" ? "Nothing was begun." : `Continue with \`${invocation} search ${resumeOptions(dir, options)}\`.`,
    });

  await interruptible(json, ended, async (signal) => {
    const openingFor = ({ device }: Config): OpenOptions => ({
      ...openingOf(device, options, signal),
      onNotice: (notice) => tell(notice),
    });
    if (options.resume !== undefined) {
      const { run, config, changes, file, note } = await resumed(options);
      using _ = run;
      dir = run.dir;
      checkReward(config.reward, config.target ?? 1);
      const opening = openingFor(config);
      if (note !== null) tell({ event: "warning", message: note });
      const dataset = fileDataset(await abortable(loadRunData(run, config.data, config), signal));
      moveRunData(run, dataset, config);
      record(run, config, file);
      if (changes.length > 0 && !json) say(`changed  ${changes.join(", ")}`);
      // Who began it has accepted the device.
      await using device = await openSearchDevice(config, () => dir, { ...opening, isForced: true });
      await go(run, config, dataset, device, { ...opening, signal });
    } else {
      const flags = settings(options);
      const file = await loadConfigFile(options.config);
      const config = mergeConfig(file, flags);
      checkReward(config.reward, config.target ?? 1);
      const opening = openingFor(config);
      const dataset = fileDataset(await abortable(loadStudyData(config), signal));
      await using device = await openSearchDevice(config, () => dir, { ...opening, isForced: options.force === true });
      signal.throwIfAborted();
      const made = environment();
      using run = createRun(options.out, (store) => {
        initStudy(store, config, dataset, made);
        store.set("flags", Object.keys(flags));
        store.set("configFile", fileRecord(file));
      });
      dir = run.dir;
      record(run, config, null);
      writeFileAtomically(`${dir}/environment.json`, JSON.stringify(made, null, 2));
      await go(run, config, dataset, device, { ...opening, signal });
    }
  });

  async function go(
    run: Run,
    config: Config,
    dataset: Dataset,
    device: LatencyDevice,
    { listen, signal }: OpenOptions & { readonly signal: AbortSignal },
  ): Promise<void> {
    const view = json ? null : progressView(config, dataset, options);
    const emit = (event: SearchEvent): void => {
      if (view !== null) view.show(event);
      else if (event.event !== "training" && event.event !== "measuring") print(JSON.stringify(event));
      if (event.event === "done" && view !== null) {
        view.end();
        summary(event, `search ${resumeOptions(dir, options)} --trials ${2 * config.trials}`);
      }
    };
    tell = emit;
    try {
      await runSearch(run, config, { dataset, device, listen, isForced: options.force === true, signal, emit });
    } finally {
      view?.end();
    }
  }
}
