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
import { MnasError } from "../errors.ts";
import { findRun, latestRun, ownRun, type Run } from "../study/run.ts";
import { changedReward, isRewardOpen } from "../study/rewards.ts";
import { shellWord } from "../util/shell.ts";
import { loadConfigFile } from "./config-file.ts";

export interface SearchOptions {
  readonly json?: boolean;
  readonly config?: string;
  readonly out?: string;
  readonly resume?: string | true;
  readonly space?: string;
  readonly data?: string;
  readonly size?: number;
  readonly target?: number;
  readonly targets?: readonly number[];
  readonly objective?: "reward" | "front";
  readonly device?: string;
  readonly sustained?: boolean;
  readonly listen?: string;
  readonly searcher?: UserConfig["searcher"];
  readonly reward?: "hard" | "soft" | "absolute";
  readonly trials?: number;
  readonly batch?: number;
  readonly workers?: number;
  readonly finalists?: number;
  readonly finalSeeds?: number;
  readonly baselines?: number;
  readonly seed?: number;
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

/** The run to continue and the config to continue it with: as recorded, but for flags and config file that say otherwise. */
export async function resumed(options: SearchOptions): Promise<{ run: Run; config: Config }> {
  const name = options.resume === true ? options.out : options.resume;
  const run = ownRun(name === undefined ? latestRun() : findRun(name));
  try {
    const found = run.store.get("config") as RecordedConfig | null;
    if (found === null) throw new MnasError("RUN_INVALID", `Cannot continue run "${run.dir}": it has no configuration`);
    // Older runs do not say that mnas trained.
    const recorded = { ...found, evaluate: found.evaluate ?? null };
    const { space: _, reward, ...plain } = recorded;
    const config: Config = {
      ...plain,
      space: spaceOf(recorded),
      reward: reward as Config["reward"],
      ...(await fromFile(run, recorded, options.config)),
      ...resolved(settings(options), "the options"),
    };
    const changed = changesOf(run, recorded, config);
    if (changed.length > 0) {
      throw new MnasError(
        "RUN_MISMATCH",
        `Cannot continue run "${run.dir}" with other settings:\n  ${changed.join("\n  ")}`,
        {
          hint: "Leave them as they were, or start a new run. Only trials, workers, finalists, their seeds and baselines may change.",
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

/** What these settings mean, without what they leave to the defaults. */
function resolved(given: UserConfig, source: string): Partial<Config> {
  const config = resolveConfig(given, source);
  return Object.fromEntries(Object.keys(given).map((key) => [key, config[key as keyof Config]]));
}

/**
 * What a config file sets, without the budget, which is as recorded, and without what flags overruled when the run
 * began. The file is the user's choice, or needed because a reward function cannot be kept in a study.
 */
async function fromFile(
  { dir, store }: Run,
  { reward }: RecordedConfig,
  file: string | undefined,
): Promise<Partial<Config>> {
  if (file === undefined && reward.kind !== "custom") return {};
  const { config, source } = await loadConfigFile(file);
  if (reward.kind === "custom" && typeof config.reward !== "function") {
    throw new MnasError("RUN_MISMATCH", `Cannot continue run "${dir}": its reward is a function of your own`, {
      hint: "Continue it where its mnas.config.ts is, or name that file with --config.",
    });
  }
  const overruled = (store.get("flags") as string[] | null) ?? [];
  return Object.fromEntries(
    Object.entries(resolved(config, source)).filter(([key]) => !budget.has(key) && !overruled.includes(key)),
  );
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
  return isOpen ? [...changes, ...changedReward(store, config.reward)] : changes;
}
