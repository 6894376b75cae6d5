import type { FileRecord } from "../store/facts.ts";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { budget, recordConfig, resolveConfig, type Config, type RecordedConfig } from "../config/config.ts";
import { MnasError } from "../errors.ts";
import type { Run } from "../study/run.ts";
import { configFile, loadConfigFile, placed, type ConfigFile } from "./config-file.ts";

export const fileRecord = ({ config, source, path }: ConfigFile): FileRecord => ({
  path,
  settings: recordConfig(resolveConfig(config, source)),
});

/** The file that a run is continued with: the named one, its own, or the one here where its own is gone or needed. */
function fileOf(kept: FileRecord | null, { reward }: RecordedConfig, named: string | undefined): string | null {
  if (named !== undefined) return named;
  const own = kept?.path ?? null;
  if (own !== null && existsSync(own)) return own;
  return (own !== null && existsSync(configFile)) || reward.kind === "custom" ? configFile : null;
}

/** The settings that count in a file: all where the run does not know the file, else those that have changed in it. */
function countingIn(
  file: ConfigFile,
  now: FileRecord,
  kept: FileRecord | null,
  overruled: readonly string[],
): string[] {
  const given = Object.keys(file.config);
  // Older runs do not say how much their file wanted when they began.
  if (kept === null) return given.filter((key) => !budget.has(key) && !overruled.includes(key));
  const isOther = kept.path === null || (kept.path !== now.path && existsSync(kept.path));
  if (isOther) return given;
  const [was, is] = [kept.settings, now.settings] as unknown as Record<string, unknown>[];
  return Object.keys({ ...was, ...is }).filter((key) => JSON.stringify(was![key]) !== JSON.stringify(is![key]));
}

/** A sentence where the config file of this folder is not that of the run; null where there is nothing to say. */
function ignoredNote(kept: FileRecord | null, path: string | null): string | null {
  const isRead = path !== null && resolve(path) === resolve(configFile);
  if (isRead || !existsSync(configFile)) return null;
  const own = kept?.path ?? null;
  const began = own === null ? "without a config file" : `with "${own}"`;
  return `${configFile} is not read, since the run was begun ${began}; --config ${configFile} reads it`;
}

/** Settings from a config file for a run that is continued. */
export interface FileSettings {
  /** The file as it is now; null where none is read. */
  readonly file: FileRecord | null;
  readonly settings: Partial<Config>;
  /** A note on files that are not read; null without one. */
  readonly note: string | null;
}

/**
 * The settings of a run's config file that are not in the run yet. The file is needed where the reward is a function, which
 * cannot be kept in a study.
 */
export async function fileSettings(
  { dir, store }: Run,
  recorded: RecordedConfig,
  named: string | undefined,
): Promise<FileSettings> {
  const kept = store.get("configFile");
  const path = fileOf(kept, recorded, named);
  // The one who names a file knows which one is read.
  const note = named === undefined ? ignoredNote(kept, path) : null;
  if (path === null) return { file: null, settings: {}, note };
  const file = await loadConfigFile(path);
  if (recorded.reward.kind === "custom" && typeof file.config.reward !== "function") {
    throw new MnasError("RUN_MISMATCH", `Cannot continue run "${dir}": its reward is a function of your own`, {
      hint: "Continue it where its mnas.config.ts is, or name that file with --config.",
    });
  }
  const overruled = store.get("flags") ?? [];
  const now = fileRecord(file);
  const keys = new Set(countingIn(file, now, kept, overruled));
  if (typeof file.config.reward === "function" && recorded.reward.kind === "custom") keys.add("reward");
  const { data: _, ...others } = file.config;
  const config = resolveConfig(placed(keys.has("data") ? file.config : others), file.source);
  const taken = [...keys].map((key) => [key, config[key as keyof Config]] as const);
  return { file: now, settings: Object.fromEntries(taken), note };
}
