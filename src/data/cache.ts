import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { MnasError } from "../errors.ts";
import { isWritable, listNames, makeFolder, readFile, readFileShared, writeFileAtomically } from "../util/files.ts";
import type { RawData } from "./images.ts";
import { decodePack, encodePack } from "./pack.ts";

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");

const hint = "Set MNAS_CACHE_DIR to a folder that can be written.";

const defaultFolder = (): string => process.env["MNAS_CACHE_DIR"] ?? join(homedir(), ".cache", "mnas");

function cacheFolder(cacheDir = defaultFolder()): string {
  makeFolder(cacheDir, hint);
  return cacheDir;
}

/** What is kept by default. Throws `FILE_NOT_FOUND` where nothing can be. */
export function cacheUse(): { readonly dir: string; readonly files: number; readonly bytes: number } {
  const dir = defaultFolder();
  if (!existsSync(dir)) return { dir, files: 0, bytes: 0 };
  if (!statSync(dir).isDirectory() || !isWritable(dir))
    throw new MnasError("FILE_NOT_FOUND", `Cannot keep images in "${dir}": it is no folder that can be written`, {
      hint,
    });
  const names = listNames(dir);
  const bytes = names.reduce((sum, name) => sum + (statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0), 0);
  return { dir, files: names.length, bytes };
}

interface CacheOptions {
  /** Names what the content was made from. */
  readonly stamp: string;
  readonly cacheDir: string | undefined;
}

/**
 * What `build` gives, kept in a file named after `place`, so that a changed folder takes the place of its old content.
 *
 * A file with another stamp, or that is damaged, is built again.
 */
export async function cached(
  place: string,
  { stamp, cacheDir }: CacheOptions,
  build: () => Promise<RawData>,
): Promise<RawData> {
  const file = join(cacheFolder(cacheDir), `${hash(place).slice(0, 32)}.pack`);
  const wanted = hash(stamp);
  if (existsSync(file)) {
    const pack = decodePack(readFileShared(file));
    if (pack?.stamp === wanted) return pack.data;
  }
  const data = await build();
  writeFileAtomically(file, encodePack(data, wanted));
  return data;
}

/** As `cached`, for what a schema describes. */
export async function cachedFacts<T>(
  place: string,
  { stamp, cacheDir }: CacheOptions,
  schema: z.ZodType<T>,
  build: () => Promise<T>,
): Promise<T> {
  const file = join(cacheFolder(cacheDir), `${hash(place).slice(0, 32)}.json`);
  const kept = z.object({ stamp: z.literal(hash(stamp)), facts: schema });
  if (existsSync(file)) {
    const found = kept.safeParse(parsed(readFile(file)));
    if (found.success) return found.data.facts;
  }
  const facts = await build();
  writeFileAtomically(file, JSON.stringify({ stamp: hash(stamp), facts }));
  return facts;
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return null;
  }
}
