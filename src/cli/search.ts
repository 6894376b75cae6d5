import { cpus, totalmem } from "node:os";
import {
  differences,
  recordConfig,
  spaceOf,
  type Config,
  type RecordedConfig,
  type UserConfig,
} from "../config/config.ts";
import type { Dataset } from "../data/dataset.ts";
import type { LatencyDevice } from "../device/device.ts";
import { openDevice } from "../device/open.ts";
import { MnasError } from "../errors.ts";
import type { FinalRow, SearchEvent } from "../study/events.ts";
import { createRun, findRun, latestRun, newRunDir, ownRun, type Run } from "../study/run.ts";
import { initStudy, loadStudyData, runSearch } from "../study/search.ts";
import { writeFileAtomically } from "../util/files.ts";
import { version } from "../version.ts";
import { loadConfig } from "./config-file.ts";
import { ms, paint, percent, print, invocation, say, table, thousands } from "./output.ts";
import { frontTable, progressView } from "./progress.ts";

export interface SearchOptions {
  readonly json?: boolean;
  readonly config?: string;
  readonly out?: string;
  readonly resume?: string | true;
  readonly space?: string;
  readonly data?: string;
  readonly size?: number;
  readonly target?: number;
  readonly device?: string;
  readonly searcher?: UserConfig["searcher"];
  readonly reward?: "hard" | "soft" | "absolute";
  readonly trials?: number;
  readonly batch?: number;
  readonly workers?: number;
  readonly finalists?: number;
  readonly seed?: number;
}

const environment = () => ({
  mnas: version,
  node: process.versions.node,
  platform: `${process.platform} ${process.arch}`,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memoryBytes: totalmem(),
});

/** The settings that flags can change. */
function settings(options: SearchOptions): UserConfig {
  const { json: _json, config: _config, out: _out, resume: _resume, ...flags } = options;
  return flags;
}

/** The run to continue and the config to continue it with: as recorded, but for flags and config file that say otherwise. */
async function resumed(options: SearchOptions): Promise<{ run: Run; config: Config }> {
  const name = options.resume === true ? options.out : options.resume;
  const run = ownRun(name === undefined ? latestRun() : findRun(name));
  try {
    const recorded = run.store.get("config") as RecordedConfig | null;
    if (recorded === null)
      throw new MnasError("RUN_INVALID", `Cannot continue run "${run.dir}": it has no configuration`);
    const { space: _, reward, ...plain } = recorded;
    if (reward.kind === "custom" && options.config === undefined) {
      // A function cannot be kept in a file; it is taken from the config file again, and compared.
      const fromFile = await loadConfig(undefined, {});
      if (typeof fromFile.reward !== "function") {
        throw new MnasError("RUN_MISMATCH", `Cannot continue run "${run.dir}": its reward is a function of your own`, {
          hint: "Continue it where its mnas.config.ts is, or name that file with --config.",
        });
      }
      options = { ...options, config: "mnas.config.ts" };
    }
    const base: Config =
      options.config === undefined
        ? { ...plain, space: spaceOf(recorded), reward: reward as Config["reward"] }
        : await loadConfig(options.config, {});
    const config = await withFlags(base, settings(options));
    const changed = differences(recorded, recordConfig(config));
    if (changed.length > 0) {
      throw new MnasError(
        "RUN_MISMATCH",
        `Cannot continue run "${run.dir}" with other settings:\n  ${changed.join("\n  ")}`,
        {
          hint: "Leave them as they were, or start a new run. Only trials, workers and finalists may change.",
        },
      );
    }
    run.store.set("config", recordConfig(config));
    return { run, config };
  } catch (error) {
    run[Symbol.dispose]();
    throw error;
  }
}

async function withFlags(base: Config, flags: UserConfig): Promise<Config> {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  if (Object.keys(given).length === 0) return base;
  // Checked with the rules of the config, then laid over the recorded settings.
  const checked = await import("../config/config.ts").then(({ resolveConfig }) => resolveConfig(given, "the options"));
  const changed = Object.fromEntries(Object.keys(given).map((key) => [key, checked[key as keyof Config]]));
  return { ...base, ...changed };
}

/** `mnas search` */
export async function search(options: SearchOptions): Promise<void> {
  const json = options.json === true;
  const stop = new AbortController();
  let dir = "";
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130);
    if (!json) say("\nstopping; press Ctrl-C again to stop at once");
    const how = dir === "" ? "Nothing was begun." : `Continue with \`${invocation} search --resume ${dir}\`.`;
    stop.abort(new MnasError("INTERRUPTED", "Search interrupted; everything done so far is kept", { hint: how }));
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);

  try {
    if (options.resume !== undefined) {
      const { run, config } = await resumed(options);
      using _ = run;
      dir = run.dir;
      await using device = await openDevice(config.device);
      await go(run, config, await loadStudyData(config), device);
    } else {
      const config = await loadConfig(options.config, settings(options));
      const dataset = await loadStudyData(config);
      await using device = await openDevice(config.device);
      stop.signal.throwIfAborted();
      const record = environment();
      using run = createRun(newRunDir(options.out, new Date()), (store) => initStudy(store, config, dataset, record));
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
    const view = json ? null : progressView(config);
    const emit = (event: SearchEvent): void => {
      if (view !== null) view.show(event);
      else if (event.event !== "training" && event.event !== "measuring") print(JSON.stringify(event));
      if (event.event === "done" && view !== null) {
        view.end();
        summary(event, config.trials);
      }
    };
    try {
      await runSearch(run, config, { dataset, device, signal: stop.signal, emit });
    } finally {
      view?.end();
    }
  }
}

/** What a finished search leaves the user with. */
function summary(
  { dir, targetMs, front, finals, report }: Extract<SearchEvent, { event: "done" }>,
  trials: number,
): void {
  print();
  print(paint("bold", `Pareto front (target ${ms(targetMs)})`));
  print(
    front.length === 0
      ? "no network was trained: every one was over the gate; raise --target"
      : frontTable(front, targetMs),
  );
  if (finals.length > 0) {
    print();
    print(
      paint("bold", "Finalists against MobileNetV2 at the width nearest in latency, all trained by the same recipe"),
    );
    print(finalsTable(finals));
  }
  const pick = finals.find(({ isReference, state }) => !isReference && state === "complete");
  print();
  print(`run     ${dir}`);
  print(`report  ${report}`);
  if (pick?.model != null) print(`model   ${dir}/${pick.model}`);
  print();
  const next = [`trials ${dir}`];
  if (pick !== undefined) {
    const trial = `${dir}#${pick.name.replace("trial ", "")}`;
    next.push(`show ${trial}`, `export ${trial} --out model.onnx`);
  }
  next.push(`search --resume ${dir} --trials ${2 * trials}`);
  next.forEach((command, i) => print(`${i === 0 ? "next" : "    "}    ${invocation} ${command}`));
}

const finalsTable = (finals: readonly FinalRow[]): string =>
  table(
    ["network", "latency", "test accuracy", "validation", "params", "madds"],
    finals.map((row) => [
      row.name,
      ms(row.latencyMs),
      row.testAccuracy === null
        ? (row.reason ?? "–")
        : `${percent(row.testAccuracy)} ± ${(100 * (row.testError ?? 0)).toFixed(2)}`,
      percent(row.accuracy),
      thousands(row.params),
      thousands(row.madds),
    ]),
  );
