import type { FileRecord } from "../store/facts.ts";
import { resolve } from "node:path";
import {
  budget,
  differences,
  recordConfig,
  resolveConfig,
  spaceOf,
  type Config,
  type RecordedConfig,
  type UserConfig,
} from "../config/config.ts";
import { dataPlace, spellingOf } from "../data/place.ts";
import { deviceAnywhere } from "../device/open.ts";
import { MnasError } from "../errors.ts";
import { findRun, latestRun, ownRun, type Run } from "../study/run.ts";
import { changedReward, isRewardOpen } from "../study/rewards.ts";
import { shellWord } from "../util/shell.ts";
import { placed } from "./config-file.ts";
import type { ListenOptions } from "./notices.ts";
import { fileSettings } from "./resume-file.ts";

export interface SearchOptions extends ListenOptions {
  readonly json?: boolean;
  readonly config?: string;
  readonly out?: string;
  readonly resume?: string | true;
  readonly space?: string;
  readonly data?: string;
  readonly size?: number;
  readonly mostDamaged?: number;
  readonly strictData?: boolean;
  readonly target?: number;
  readonly targets?: readonly number[];
  readonly objective?: "reward" | "front";
  readonly device?: string;
  readonly sustained?: boolean;
  readonly searcher?: UserConfig["searcher"];
  readonly reward?: "hard" | "soft" | "absolute";
  readonly trials?: number;
  readonly batch?: number;
  readonly workers?: number;
  readonly finalists?: number;
  readonly finalSeeds?: number;
  readonly baselines?: number;
  readonly seed?: number;
  readonly flip?: boolean;
  /** The words of a command. */
  readonly evaluator?: readonly string[];
  /** Search with a predictor that ranks badly, or go on with a device whose latencies are not those of the run. */
  readonly force?: boolean;
}

/** The settings that flags change. */
export function settings(options: SearchOptions): UserConfig {
  const {
    json: _json,
    config: _config,
    out: _out,
    resume: _resume,
    listen: _listen,
    allowHost: _allowHost,
    publicUrl: _publicUrl,
    force: _force,
    evaluator,
    ...flags
  } = options;
  const evaluate = evaluator === undefined ? undefined : { command: evaluator };
  return Object.fromEntries(Object.entries({ ...flags, evaluate }).filter(([, value]) => value !== undefined));
}

/** The options of the command that continues a run. */
export const resumeOptions = (dir: string, { config }: SearchOptions): string =>
  `--resume ${shellWord(dir)}${config === undefined ? "" : ` --config ${shellWord(config)}`}`;

/** A run to continue. */
export interface Resumed {
  readonly run: Run;
  readonly config: Config;
  /** Changes of its budget, as `key: was → is`. */
  readonly changes: readonly string[];
  /** Its config file as it is now; null without one. */
  readonly file: FileRecord | null;
  /** A note on config files that are not read; null without one. */
  readonly note: string | null;
}

/** The folder of the run to continue. Throws `USAGE` when the options name two. */
function dirOf({ resume, out }: SearchOptions): string {
  const name = resume === true ? out : resume;
  const dir = name === undefined ? latestRun() : findRun(name);
  if (out === undefined || resolve(dir) === resolve(out) || resume === true) return dir;
  throw new MnasError("USAGE", `Cannot continue run "${dir}" in "${out}"`, {
    hint: "Leave out --out; a run is continued in its folder.",
  });
}

/** A recorded config, as this version records it. */
function recordOf({ store, dir }: Run): RecordedConfig {
  const found = store.get("config");
  if (found === null) throw new MnasError("RUN_INVALID", `Cannot continue run "${dir}": it has no configuration`);
  // Older runs do not say that mnas trained or whether it mirrored, and keep files as they were named.
  return {
    ...found,
    evaluate: found.evaluate ?? null,
    flip: found.flip ?? null,
    data: dataPlace(spellingOf(found.data)),
    device: deviceAnywhere(found.device),
  };
}

/** The run to continue and the config to continue it with: as recorded, but for flags and config file that say otherwise. */
export async function resumed(options: SearchOptions): Promise<Resumed> {
  const run = ownRun(dirOf(options));
  try {
    const recorded = recordOf(run);
    const { space: _, reward, ...plain } = recorded;
    const { file, settings: fromFile, note } = await fileSettings(run, recorded, options.config);
    const config: Config = {
      ...plain,
      space: spaceOf(recorded),
      reward: reward as Config["reward"],
      ...fromFile,
      ...resolved(placed(settings(options)), "the options"),
    };
    const changed = changesOf(run, recorded, config);
    if (changed.length > 0) {
      throw new MnasError(
        "RUN_MISMATCH",
        `Cannot continue run "${run.dir}" with other settings:\n  ${changed.join("\n  ")}`,
        {
          hint: "Leave them as they were, or start a new run. Only trials, workers, finalists, their seeds, baselines, and the place and damage of the data may change.",
        },
      );
    }
    return { run, config, changes: budgetChanges(recorded, config), file, note };
  } catch (error) {
    run[Symbol.dispose]();
    throw error;
  }
}

/** What these settings mean, without what they leave to the defaults. */
function resolved(given: UserConfig, source: string): Partial<Config> {
  const config = resolveConfig(given, source);
  return Object.fromEntries(Object.keys(given).map((key) => [key, config[key as keyof Config]]));
}

function budgetChanges(recorded: RecordedConfig, config: Config): string[] {
  return [...budget].flatMap((name) => {
    const [was, is] = [recorded, config].map((one) => JSON.stringify(one[name as keyof RecordedConfig]));
    return was === is ? [] : [`${name}: ${was} → ${is}`];
  });
}

/** What differs and must not, as `key: was → is`; spaces of two names by these alone. */
function changesOf({ store }: Run, recorded: RecordedConfig, config: Config): string[] {
  const is = recordConfig(config);
  const isOpen = isRewardOpen(store);
  const was = isOpen ? { ...recorded, reward: is.reward } : recorded;
  const changes =
    was.space.name === is.space.name
      ? differences(was, is)
      : [`space: ${was.space.name} → ${is.space.name}`, ...differences({ ...was, space: is.space }, is)];
  const proposed = store.trials("search").length;
  if (is.trials < proposed) changes.push(`trials: ${was.trials}, of which ${proposed} were begun → ${is.trials}`);
  return isOpen ? [...changes, ...changedReward(store, config.reward)] : changes;
}
