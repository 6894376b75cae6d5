import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { resolveConfig, type Config, type UserConfig } from "../config/config.ts";
import { MnasError } from "../errors.ts";

export const configFile = "mnas.config.ts";

/** The user's config file, by name or the one in this folder; an empty config when there is none. */
async function loadConfigFile(file: string | undefined): Promise<{ config: UserConfig; source: string }> {
  const path = file ?? configFile;
  if (!existsSync(path)) {
    if (file === undefined) return { config: {}, source: "the options" };
    throw new MnasError("FILE_NOT_FOUND", `Cannot read config "${file}": no such file`, {
      hint: "Write one with `mnas init`.",
    });
  }
  try {
    const module = (await import(pathToFileURL(resolve(path)).href)) as {
      default?: UserConfig;
      "module.exports"?: unknown;
    };
    // Without any export Node takes the file for CommonJS, which always exports an object.
    const isEmpty =
      module.default === undefined || ("module.exports" in module && Object.keys(module.default).length === 0);
    if (isEmpty) throw new Error("it has no default export");
    return { config: module.default!, source: path };
  } catch (error) {
    if (error instanceof MnasError) throw error;
    throw new MnasError(
      "CONFIG_INVALID",
      `Cannot use ${path}: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: "It must `export default defineConfig({ … })`.",
        cause: error,
      },
    );
  }
}

/** Flags over file over defaults. Throws `CONFIG_INVALID`. */
export async function loadConfig(file: string | undefined, flags: UserConfig): Promise<Config> {
  const { config, source } = await loadConfigFile(file);
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  return resolveConfig(
    { ...config, ...given },
    Object.keys(given).length > 0 && source !== "the options" ? `${source} and the options` : source,
  );
}
