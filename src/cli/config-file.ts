import { existsSync, statSync } from "node:fs";
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { resolveConfig, type Config, type UserConfig } from "../config/config.ts";
import { dataPlace } from "../data/place.ts";
import { deviceAnywhere } from "../device/open.ts";
import { MnasError } from "../errors.ts";
import { importUserFile } from "./config-import.ts";

export const configFile = "mnas.config.ts";

const shape = "It must `export default defineConfig({ … })`.";

/** What helps against an error of importing a config, by its code or name; the first that fits. */
const hints: readonly (readonly [errors: RegExp, hint: string])[] = [
  [/^ERR_MODULE_NOT_FOUND$/, "Correct the import, or install the package in the folder of the config."],
  [/^ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX$/, "Use only types that can be erased: no enum, no namespace."],
  [/^ERR_IMPORT_ATTRIBUTE_MISSING$|^ERR_UNKNOWN_FILE_EXTENSION$/, "Import only files of TypeScript or JavaScript."],
  [/SYNTAX|^SyntaxError$/, "Correct that line."],
  [/./, "The file throws this itself; correct it."],
];

/** Where an error comes from, as `line 3:5: ` or, in another file, `other.ts:3:5: `; empty when it does not say. */
function placeOf({ stack = "" }: Error, path: string): string {
  const [first = ""] = stack.split("\n");
  // A syntax error begins with its place, others with a message and then where they were thrown.
  const found =
    /^()(\S.*?)((?::\d+){1,2})$/.exec(first) ?? /\n\s+at (.* \()?(\S.*?)((?::\d+){1,2})\)?(?:\n|$)/.exec(stack);
  const [, , from = "", line = ""] = found ?? [];
  if (line === "" || from.startsWith("node:")) return "";
  const file = from.startsWith("file:") ? fileURLToPath(from) : from;
  return file === resolve(path) ? `line ${line.slice(1)}: ` : `${relative("", file)}${line}: `;
}

function explain(error: unknown, path: string): MnasError {
  const known = error instanceof Error ? error : new Error(String(error));
  const kind = (known as { code?: string }).code ?? known.name;
  const place = known === error ? placeOf(known, path) : "";
  return new MnasError("CONFIG_INVALID", `Cannot use ${path}: ${place}${known.message.split("\n")[0]!}`, {
    hint: hints.find(([errors]) => errors.test(kind))![1],
    cause: error,
  });
}

/** A user's settings. */
export interface ConfigFile {
  readonly config: UserConfig;
  /** The file, for people. */
  readonly source: string;
  /** Absolute; null without a file. */
  readonly path: string | null;
}

/** The user's config file, by name or the one in this folder; an empty config when there is none. */
export async function loadConfigFile(file: string | undefined): Promise<ConfigFile> {
  const path = file ?? configFile;
  const refuse = (why: string, hint: string): never => {
    throw new MnasError("FILE_NOT_FOUND", `Cannot read config "${path}": ${why}`, { hint });
  };
  if (!existsSync(path)) {
    if (file === undefined) return { config: {}, source: "the options", path: null };
    refuse("no such file", "Write one with `mnas init`.");
  }
  if (!statSync(path).isFile()) refuse("it is a folder", `Name the file in it, like ${configFile}.`);
  let module: Record<string, unknown>;
  try {
    module = await importUserFile(path);
  } catch (error) {
    if (error instanceof MnasError) throw error;
    throw explain(error, path);
  }
  const config = module["default"];
  // Without any export Node takes the file for CommonJS, which always exports an object.
  const isNone = config === undefined || ("module.exports" in module && Object.keys(config as object).length === 0);
  if (isNone || typeof config !== "object" || config === null) {
    const why = isNone ? "it has no default export" : "its default export is not an object";
    throw new MnasError("CONFIG_INVALID", `Cannot use ${path}: ${why}`, { hint: shape });
  }
  return { config, source: path, path: resolve(path) };
}

/** Settings whose files and folders are the same from every folder. Throws as `dataPlace`. */
export function placed(config: UserConfig): UserConfig {
  const { data, device } = config;
  return {
    ...config,
    ...(typeof data === "string" && data !== "" ? { data: dataPlace(data) } : {}),
    ...(typeof device === "string" ? { device: deviceAnywhere(device) } : {}),
  };
}

/** Flags over file over defaults. Throws `CONFIG_INVALID`, `USAGE` for data of two meanings. */
export function mergeConfig({ config, source }: ConfigFile, flags: UserConfig): Config {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  return resolveConfig(
    placed({ ...config, ...given }),
    Object.keys(given).length > 0 && source !== "the options" ? `${source} and the options` : source,
  );
}

/** As `mergeConfig`, of a file by name or the one in this folder. */
export const loadConfig = async (file: string | undefined, flags: UserConfig): Promise<Config> =>
  mergeConfig(await loadConfigFile(file), flags);
