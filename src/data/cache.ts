import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { makeFolder, readFile, readFileShared, writeFileAtomically } from "../util/files.ts";
import type { RawData } from "./images.ts";
import { decodePack, encodePack } from "./pack.ts";

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");

function cacheFolder(cacheDir: string | undefined): string {
  const dir = cacheDir ?? process.env["MNAS_CACHE_DIR"] ?? join(homedir(), ".cache", "mnas");
  makeFolder(dir, "Set MNAS_CACHE_DIR to a folder that can be written.");
  return dir;
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
