import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import * as fc from "fast-check";
import { z } from "zod";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import { cacheUse, onCacheFault } from "../src/data/cache.ts";
import type { Images } from "../src/data/dataset.ts";
import { decodePack, encodePack } from "../src/data/pack.ts";
import { loadInMemory, picture, pictures, times } from "./data-files.ts";
import { scratch } from "./mnas.ts";
import { smallDisk } from "./small-disk.ts";

const seed = 1;
const disk = smallDisk();
afterAll(() => disk?.[Symbol.dispose]());

test("images are decoded once: their cache serves until the content of a file changes", async () => {
  using folder = scratch();
  await pictures(folder.dir, 4);
  const cacheDir = join(folder.dir, ".cache");
  const image = join(folder.dir, "cat", "0.jpg");
  const first = await loadInMemory(folder.dir, { seed, cacheDir });

  // Pixels of ours in the cache, to see that it is where they come from.
  const pack = join(cacheDir, readdirSync(cacheDir)[0]!);
  const { data, stamp } = decodePack(readFileSync(pack))!;
  data.train.pixels.fill(7);
  writeFileSync(pack, Buffer.concat(encodePack(data, stamp)));
  utimesSync(image, 1e9, 1e9);
  const again = await loadInMemory(relative(process.cwd(), folder.dir), { seed, cacheDir });
  expect(new Set(again.train.pixels)).toEqual(new Set([7]));

  // No image any more, and nothing that a look from outside can tell.
  writeFileSync(image, Buffer.alloc(statSync(image).size));
  utimesSync(image, 1e9, 1e9);
  expect((await loadInMemory(folder.dir, { seed, cacheDir })).warnings).toEqual([
    `1 of 8 images cannot be decoded and is left out: "${image}": it is no image`,
  ]);

  await picture(folder.dir, "cat/0.jpg", { color: { r: 1, g: 2, b: 3 } });
  const changed = await loadInMemory(folder.dir, { seed, cacheDir });
  expect([again.key, first.key]).not.toContain(changed.key);
  expect(readdirSync(cacheDir)).toHaveLength(1);
});

test("the cache serves until the classes of the files change: by a table, no path says them", async () => {
  using folder = scratch();
  const cacheDir = join(folder.dir, "cache");
  const dir = join(folder.dir, "data");
  for (const i of times(12, (n) => n)) await picture(dir, `images/${i + 10}.jpg`);
  const load = async (cats: number, cat: string) => {
    const rows = times(12, (i) => `${i + 10}.jpg,${i < cats ? cat : "dog"}\n`);
    writeFileSync(join(dir, "labels.csv"), `file,label\n${rows.join("")}`);
    const { classes, train, validation, test: tested } = await loadInMemory(dir, { seed, cacheDir });
    const labels = [train, validation, tested].flatMap((part) => [...part.labels]);
    return { classes, ofFirst: labels.filter((label) => label === 0).length };
  };
  // The order of the files is the same each time.
  expect(await load(8, "cat")).toEqual({ classes: ["cat", "dog"], ofFirst: 8 });
  expect(await load(4, "cat")).toEqual({ classes: ["cat", "dog"], ofFirst: 4 });
  expect(await load(4, "bat")).toEqual({ classes: ["bat", "dog"], ofFirst: 4 });
});

test("a damaged cache is built again", async () => {
  using folder = scratch();
  await pictures(folder.dir, 4);
  const cacheDir = join(folder.dir, ".cache");
  const first = await loadInMemory(folder.dir, { seed, cacheDir });
  const file = join(cacheDir, readdirSync(cacheDir)[0]!);
  const { size } = statSync(file);
  for (const damage of [new Uint8Array(), Buffer.alloc(size), Buffer.from("mnas-pack-1\n")]) {
    writeFileSync(file, damage);
    expect(await loadInMemory(folder.dir, { seed, cacheDir })).toEqual(first);
    expect(statSync(file).size).toBe(size);
  }
});

/** Turns the cache into something that cannot be used: its folder, or the file in it. */
const breakages: Readonly<Record<string, (dir: string, file: string) => void>> = {
  "a file in place of the folder": (dir) => {
    rmSync(dir, { recursive: true });
    writeFileSync(dir, "mine");
  },
  "a folder in place of the file": (_, file) => {
    rmSync(file);
    mkdirSync(join(file, "mine"), { recursive: true });
  },
  "a link to nowhere in place of the folder": (dir) => {
    rmSync(dir, { recursive: true });
    symlinkSync(join(dir, "..", "nowhere", "deep"), dir);
  },
  "a link to itself in place of the file": (_, file) => {
    rmSync(file);
    symlinkSync(file, file);
  },
};

test.each(Object.entries(breakages))("images are read without a cache where there is %s", async (_, breakCache) => {
  using folder = scratch();
  await pictures(folder.dir, 4);
  using place = scratch();
  const cacheDir = join(place.dir, "cache");
  const first = await loadInMemory(folder.dir, { seed, cacheDir });
  breakCache(cacheDir, join(cacheDir, readdirSync(cacheDir)[0]!));
  onCacheFault(() => {});
  expect(await loadInMemory(folder.dir, { seed, cacheDir })).toEqual(first);
});

test.skipIf(disk === null)("a full disk under the cache is said once, and the images are there", async () => {
  vi.resetModules();
  const fresh = await import("../src/data/cache.ts");
  const said: string[] = [];
  fresh.onCacheFault((message) => said.push(message));
  disk!.fill(0);
  const build = async () => ({ mean: [1] });
  const options = { stamp: "a", cacheDir: join(disk!.dir, "cache") };
  const facts = z.object({ mean: z.array(z.number()) });
  for (let i = 0; i < 2; i++) expect(await fresh.cachedFacts("b", options, facts, build)).toEqual({ mean: [1] });
  expect(said).toEqual([expect.stringMatching(/^Cannot .*no space left.*Set MNAS_CACHE_DIR/)]);
});

test("the cache lies where the user, or else XDG, says, and an empty name says nothing", () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  const lies = (env: Readonly<Record<string, string>>): string | null => {
    for (const name of ["MNAS_CACHE_DIR", "XDG_CACHE_HOME", "HOME"]) vi.stubEnv(name, env[name]);
    return cacheUse().dir;
  };
  using place = scratch();
  const { dir } = place;
  const xdg = { XDG_CACHE_HOME: join(dir, "xdg"), HOME: dir };
  expect(lies({ ...xdg, MNAS_CACHE_DIR: join(dir, "own") })).toBe(join(dir, "own"));
  expect(lies({ ...xdg, MNAS_CACHE_DIR: "" })).toBe(join(dir, "xdg", "mnas"));
  expect(lies({ HOME: dir })).toBe(join(dir, ".cache", "mnas"));
  for (const wrong of ["", "relative"])
    expect(lies({ HOME: dir, XDG_CACHE_HOME: wrong })).toBe(join(dir, ".cache", "mnas"));
  expect(readdirSync(dir)).toEqual([]);
});

test("a pack gives back what was put in, and nothing when any byte of it changed or is missing", () => {
  const images = (count: number): Images => ({
    count,
    height: 2,
    width: 1,
    channels: 3,
    pixels: Uint8Array.from(times(count * 6, (i) => (i * 37) % 256)),
    labels: Int32Array.from({ length: count }, (_, i) => 70_000 * i),
  });
  const data = { classes: ["ä", "b"], train: images(3), validation: null, test: images(2) };
  const pack = Buffer.concat(encodePack(data, "stamp"));
  expect(decodePack(pack)).toEqual({ data, stamp: "stamp", key: expect.stringMatching(/^[0-9a-f]{64}$/) });
  fc.assert(
    fc.property(fc.nat(pack.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(pack);
      changed[at] = changed[at]! ^ change;
      expect(decodePack(changed)).toBeNull();
      expect(decodePack(pack.subarray(0, at))).toBeNull();
    }),
  );
});
