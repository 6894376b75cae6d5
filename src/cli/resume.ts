import {
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
import { configFile, loadConfig } from "./config-file.ts";

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

/** The settings that flags can change. */
export function settings(options: SearchOptions): UserConfig {
  const { json: _json, config: _config, out: _out, resume: _resume, ...flags } = options;
  return flags;
}

/** The run to continue and the config to continue it with: as recorded, but for flags and config file that say otherwise. */
export async function resumed(options: SearchOptions): Promise<{ run: Run; config: Config }> {
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
      options = { ...options, config: configFile };
    }
    const base: Config =
      options.config === undefined
        ? { ...plain, space: spaceOf(recorded), reward: reward as Config["reward"] }
        : await loadConfig(options.config, {});
    const config = withFlags(base, settings(options));
    const changed = changesOf(recorded, recordConfig(config));
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

/** What differs and must not, as `key: was → is`; spaces of two names by these alone. */
const changesOf = (was: RecordedConfig, is: RecordedConfig): string[] =>
  was.space.name === is.space.name
    ? differences(was, is)
    : [`space: ${was.space.name} → ${is.space.name}`, ...differences({ ...was, space: is.space }, is)];

function withFlags(base: Config, flags: UserConfig): Config {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  if (Object.keys(given).length === 0) return base;
  // Checked with the rules of the config, then laid over the recorded settings.
  const checked = resolveConfig(given, "the options");
  const changed = Object.fromEntries(Object.keys(given).map((key) => [key, checked[key as keyof Config]]));
  return { ...base, ...changed };
}
