import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { MnasError } from "../errors.ts";
import { isWritable, listNames, makeFolder, readFile, readFileShared, writeFileAtomically } from "../util/files.ts";
import { cacheFolder } from "../util/home.ts";
import type { RawData } from "./images.ts";
import { decodePack, encodePack } from "./pack.ts";

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");

const hint = "Set MNAS_CACHE_DIR to a folder that can be written";

const noHome = (): MnasError => new MnasError("FILE_NOT_FOUND", "Cannot keep images: this user has no home folder");

let listener = (message: string): void => process.emitWarning(message, { type: "ImageCache" });
let isTold = false;

/** Takes the place of the process's own warning that images are not kept, which comes once. */
export function onCacheFault(listen: (message: string) => void): void {
  listener = listen;
}

/** Uses the cache; null where that fails. A cache saves time, and nothing else depends on it. */
function attempt<T>(use: () => T): T | null {
  try {
    return use();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (!isTold) listener(`${why}; images will be decoded again by each command. ${hint}`);
    isTold = true;
    return null;
  }
}

/** The content of the cache. */
export interface CacheUse {
  /** Null where this user has no home folder. */
  readonly dir: string | null;
  readonly files: number;
  readonly bytes: number;
  /** Why nothing can be kept; null where it can. */
  readonly problem: string | null;
}

/** The use of the user's cache. Throws `FILE_NOT_FOUND` where the folder was chosen and cannot be used. */
export function cacheUse(): CacheUse {
  const dir = cacheFolder();
  const nothing = { dir, files: 0, bytes: 0, problem: null };
  if (dir === null) return { ...nothing, problem: noHome().message };
  const isChosen = process.env["MNAS_CACHE_DIR"] === dir;
  const where = nearest(dir);
  if (!statSync(where).isDirectory() || !isWritable(where)) {
    const problem = `Cannot keep images in "${dir}": it is no folder that can be written`;
    if (isChosen) throw new MnasError("FILE_NOT_FOUND", problem, { hint: `${hint}.` });
    return { ...nothing, problem };
  }
  const names = existsSync(dir) ? listNames(dir) : [];
  const bytes = names.reduce((sum, name) => sum + (statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0), 0);
  return { ...nothing, files: names.length, bytes };
}

/** The innermost part of a path that exists. */
function nearest(path: string): string {
  let at = resolve(path);
  while (!existsSync(at)) at = dirname(at);
  return at;
}

interface CacheOptions {
  /** Names what the content was made from. */
  readonly stamp: string;
  readonly cacheDir: string | undefined;
}

/** How a kind of content lies in a file. */
interface Form<T> {
  readonly ending: string;
  /** Null for content that is damaged or was made from something else. */
  readonly read: (file: string) => T | null;
  readonly write: (content: T) => Parameters<typeof writeFileAtomically>[1];
}

async function kept<T>(
  place: string,
  cacheDir: string | undefined,
  { ending, read, write }: Form<T>,
  build: () => Promise<T>,
): Promise<T> {
  const file = attempt(() => {
    const dir = cacheDir ?? cacheFolder();
    if (dir === null) throw noHome();
    makeFolder(dir);
    return join(dir, `${hash(place).slice(0, 32)}.${ending}`);
  });
  const found = file !== null && existsSync(file) ? attempt(() => read(file)) : null;
  if (found !== null) return found;
  const content = await build();
  if (file !== null) attempt(() => writeFileAtomically(file, write(content)));
  return content;
}

/**
 * Gives the result of `build`, kept in a file named after `place`, so that a changed folder takes the place of its old
 * content. A file with another stamp, or that is damaged, is built again; where none can be kept, each call builds.
 */
export function cached(
  place: string,
  { stamp, cacheDir }: CacheOptions,
  build: () => Promise<RawData>,
): Promise<RawData> {
  const wanted = hash(stamp);
  const form: Form<RawData> = {
    ending: "pack",
    read: (file) => {
      const pack = decodePack(readFileShared(file));
      return pack?.stamp === wanted ? pack.data : null;
    },
    write: (data) => encodePack(data, wanted),
  };
  return kept(place, cacheDir, form, build);
}

/** As `cached`, for facts that a schema describes. */
export function cachedFacts<T>(
  place: string,
  { stamp, cacheDir }: CacheOptions,
  schema: z.ZodType<T>,
  build: () => Promise<T>,
): Promise<T> {
  const wanted = hash(stamp);
  const stored = z.object({ stamp: z.literal(wanted), facts: schema });
  const form: Form<T> = {
    ending: "json",
    read: (file) => stored.safeParse(parsed(readFile(file))).data?.facts ?? null,
    write: (facts) => JSON.stringify({ stamp: wanted, facts }),
  };
  return kept(place, cacheDir, form, build);
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return null;
  }
}
