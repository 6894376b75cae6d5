import { renameSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { inWords, onDamage } from "../src/data/damage.ts";
import { loadDataset, type Dataset, type LoadOptions } from "../src/data/dataset.ts";
import { bmp, loadInMemory, picture, pictureBytes, pictures, put, times } from "./data-files.ts";
import { scratch } from "./mnas.ts";

const red = { r: 250, g: 0, b: 0 };
const blue = { r: 0, g: 0, b: 250 };

/** Mean of a channel of an image of a part. */
function meanOf({ train }: Awaited<ReturnType<typeof loadInMemory>>, i: number, channel: number): number {
  const size = train.height * train.width * train.channels;
  const values = train.pixels.subarray(i * size, (i + 1) * size).filter((_, at) => at % train.channels === channel);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

test.each(["jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "tif", "tiff", "bmp", "avif", "JPG", "BMP"])(
  "images that end in %s are read",
  async (ending) => {
    using folder = scratch();
    for (const [name, color] of [
      ["a", red],
      ["b", blue],
    ] as const)
      for (let i = 0; i < 3; i++) await picture(folder.dir, `${name}/${i}.${ending}`, { color });
    const data = await loadInMemory(folder.dir, { seed: 1, size: 8, cacheDir: join(folder.dir, ".cache") });
    expect([data.train.labels, data.warnings]).toEqual([Int32Array.of(0, 1), []]);
    for (const i of [0, 1]) expect([meanOf(data, i, 0) > 200, meanOf(data, i, 2) > 200]).toEqual([i === 0, i === 1]);
  },
);

test("images without an ending, or with a wrong one, are read by their content", async () => {
  using folder = scratch();
  await pictures(folder.dir, 6);
  const load = () => loadInMemory(folder.dir, { seed: 1, size: 8, cacheDir: join(folder.dir, ".cache") });
  const { key } = await load();
  const rename = (from: string, to: string): void => renameSync(join(folder.dir, from), join(folder.dir, to));
  rename("cat/0.jpg", "cat/0");
  rename("cat/1.png", "cat/1.data");
  rename("dog/2.webp", "dog/2.jpg");
  const renamed = await load();
  expect([renamed.key, renamed.warnings]).toEqual([key, []]);
});

test("BMP files of other depths, and from the top, show the same colours", async () => {
  using folder = scratch();
  /** Two colours by a palette, 8 pixels in a byte. */
  const twoColours = (): Buffer => {
    const file = Buffer.alloc(62 + 4 * 8);
    file.write("BM");
    [file.length, 0, 62, 40, 8, -8].forEach((value, i) => file.writeInt32LE(value, 2 + 4 * i));
    file.writeUInt16LE(1, 26);
    file.writeUInt16LE(1, 28);
    file.writeUInt32LE(2, 46);
    file.set([250, 0, 0, 0, 0, 0, 250, 0], 54);
    // The upper half is of the second colour.
    for (let y = 0; y < 4; y++) file[62 + 4 * y] = 255;
    return file;
  };
  for (let i = 0; i < 3; i++) {
    put(folder.dir, `a/${i}.bmp`, twoColours());
    put(folder.dir, `b/${i}.bmp`, bmp(8, 8, blue));
  }
  const data = await loadInMemory(folder.dir, { seed: 1, size: 8, cacheDir: join(folder.dir, ".cache") });
  const half = data.train.pixels.subarray(0, 96);
  expect([...half.subarray(0, 3), ...data.train.pixels.subarray(96, 99)]).toEqual([250, 0, 0, 0, 0, 250]);
});

/** Values of 16 bits that rise to the right. */
function ramp(largest: number, channels: number, alpha = 65535): Uint16Array {
  return Uint16Array.from({ length: 24 * 16 * channels }, (_, i) => {
    const hasAlpha = channels === 2 || channels === 4;
    if (hasAlpha && i % channels === channels - 1) return alpha;
    return Math.round(((Math.floor(i / channels) % 24) / 23) * largest);
  });
}

async function deep(values: Uint16Array, channels: 1 | 2 | 3 | 4, format: "png" | "tiff"): Promise<Buffer> {
  const image = sharp(values, { raw: { width: 24, height: 16, channels } });
  const wide = image.toColourspace(channels < 3 ? "grey16" : "rgb16");
  return format === "png" ? wide.png().toBuffer() : wide.tiff({ compression: "none" }).toBuffer();
}

describe.each([8, 10, 12, 14, 15])("values of %i bits in images of 16", (bits) => {
  test.each([
    ["grey PNG", 1, "png"],
    ["grey TIFF", 1, "tiff"],
    ["colour PNG", 3, "png"],
    ["colour TIFF", 3, "tiff"],
    ["PNG with opacity", 4, "png"],
    ["grey PNG with opacity", 2, "png"],
  ] as const)("use all shades: %s", async (_, channels, format) => {
    using folder = scratch();
    const shift = bits > 14 ? 0 : 16 - bits;
    const values = ramp(2 ** bits - 1, channels);
    const bytes = await deep(values, channels, format);
    // The same pictures, moved up by hand.
    const moved = await deep(
      values.map((value) => (value === 65535 ? value : value << shift)),
      channels,
      format,
    );
    const load = async (name: string, image: Buffer, options: Partial<LoadOptions> = {}): Promise<Dataset> => {
      for (const file of ["a/0", "a/1", "a/2", "b/0", "b/1", "b/2"])
        put(join(folder.dir, name), `${file}.${format}`, image);
      return loadDataset(join(folder.dir, name), {
        seed: 1,
        size: 16,
        cacheDir: join(folder.dir, "cache"),
        ...options,
      });
    };
    const [data, same] = [await load("as-is", bytes), await load("moved", moved)];
    expect(data.mean[0]!).toBeGreaterThan(bits === 15 ? 0.2 : 0.4);
    expect(data.warnings).toEqual(
      shift === 0
        ? []
        : [
            `the values of 16-bit images use ${bits} bits only: all are multiplied by ${2 ** shift}, as an app must do too`,
          ],
    );
    expect([data.mean, data.deviation]).toEqual([same.mean, same.deviation]);
    // From the cache, and from the disk.
    for (const options of [{}, { mostInMemory: 0 }]) {
      const again = await load("as-is", bytes, options);
      expect([again.mean, again.warnings]).toEqual([data.mean, data.warnings]);
    }
  });
});

test("an opacity of as few bits as the colours is moved up too", async () => {
  using folder = scratch();
  for (const file of ["a/0", "a/1", "a/2", "b/0", "b/1", "b/2"])
    put(folder.dir, `${file}.png`, await deep(ramp(4095, 4, 4095), 4, "png"));
  const data = await loadDataset(folder.dir, { seed: 1, size: 16, cacheDir: join(folder.dir, ".cache") });
  expect(data.mean[0]!).toBeGreaterThan(0.4);
  expect(data.mean[0]!).toBeLessThan(0.6);
});

test("images of 16 bits of which one needs 15 or more stay as they are", async () => {
  using folder = scratch();
  for (const [i, file] of ["a/0", "a/1", "a/2", "b/0", "b/1", "b/2"].entries())
    put(folder.dir, `${file}.png`, await deep(ramp(i === 5 ? 40_000 : 4095, 1), 1, "png"));
  const data = await loadDataset(folder.dir, { seed: 1, size: 16, cacheDir: join(folder.dir, ".cache") });
  expect(data.warnings).toEqual([]);
  expect(data.mean[0]!).toBeLessThan(0.1);
});

test("CMYK photographs are colour images", async () => {
  using folder = scratch();
  const cmyk = (background: typeof red): Promise<Buffer> =>
    sharp({ create: { width: 16, height: 16, channels: 3, background } })
      .toColourspace("cmyk")
      .jpeg()
      .toBuffer();
  for (let i = 0; i < 3; i++) {
    put(folder.dir, `a/${i}.jpg`, await cmyk(red));
    put(folder.dir, `b/${i}.jpg`, await cmyk(blue));
  }
  const data = await loadInMemory(folder.dir, { seed: 1, size: 8, cacheDir: join(folder.dir, ".cache") });
  expect(data.train.channels).toBe(3);
  expect([meanOf(data, 0, 0) > 180, meanOf(data, 0, 2) < 60, meanOf(data, 1, 2) > 90]).toEqual([true, true, true]);
});

/** A TIFF file of 4×4 floating-point numbers. */
function floatTiff(): Buffer {
  const tags = [
    [256, 3, 1, 4],
    [257, 3, 1, 4],
    [258, 3, 1, 32],
    [259, 3, 1, 1],
    [262, 3, 1, 1],
    [273, 4, 1, 256],
    [277, 3, 1, 1],
    [278, 3, 1, 4],
    [279, 4, 1, 64],
    [339, 3, 1, 3],
  ];
  const file = Buffer.alloc(320);
  file.write("II*\0");
  file.writeUInt32LE(8, 4);
  file.writeUInt16LE(tags.length, 8);
  tags.forEach(([tag, type, count, value], i) => {
    file.writeUInt16LE(tag!, 10 + 12 * i);
    file.writeUInt16LE(type!, 12 + 12 * i);
    file.writeUInt32LE(count!, 14 + 12 * i);
    file.writeUInt32LE(value!, 18 + 12 * i);
  });
  for (let i = 0; i < 16; i++) file.writeFloatLE(i / 16, 256 + 4 * i);
  return file;
}

/** A PNG whose header says that it is huge. */
async function hugePng(): Promise<Buffer> {
  const bytes = await pictureBytes("png");
  bytes.writeUInt32BE(60_000, 16);
  bytes.writeUInt32BE(60_000, 20);
  const { crc32 } = await import("node:zlib");
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  return bytes;
}

const cutOff = async (ending: string): Promise<Buffer> => {
  const bytes = await pictureBytes(ending, { width: 300, height: 300 });
  return bytes.subarray(0, Math.floor(bytes.length / 2));
};

const hugeBmp = (): Buffer => {
  const bytes = bmp(4, 4, red);
  bytes.writeInt32LE(60_000, 18);
  bytes.writeInt32LE(60_000, 22);
  return bytes;
};

/** Damage by its kind, with how the reason begins. */
const damages: Readonly<
  Record<string, readonly [name: string, bytes: () => Buffer | Promise<Buffer>, reason: string]>
> = {
  "JPEG that is cut off": ["x.jpg", () => cutOff("jpg"), ""],
  "PNG that is cut off": ["x.png", () => cutOff("png"), ""],
  "WebP that is cut off": ["x.webp", () => cutOff("webp"), ""],
  "GIF that is cut off": ["x.gif", async () => (await pictureBytes("gif")).subarray(0, 20), ""],
  "TIFF that is cut off": ["x.tif", () => cutOff("tif"), ""],
  "BMP that is cut off": ["x.bmp", () => cutOff("bmp"), "Failed to decode bmp image"],
  "AVIF that is cut off": ["x.avif", () => cutOff("avif"), ""],
  "empty file": ["x.jpg", () => Buffer.alloc(0), "it is empty"],
  "file of zeros": ["x.jpg", () => Buffer.alloc(5000), "it is no image"],
  text: ["x.png", () => Buffer.from("good dog"), "it is no image"],
  "web page": ["x.jpg", () => Buffer.from("<!DOCTYPE html><p>404"), "it is a web page, which mnas does not decode"],
  drawing: ["x.png", () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), "it is a drawing in SVG"],
  "Git LFS pointer": [
    "x.jpg",
    () => Buffer.from("version https://git-lfs.github.com/spec/v1\n"),
    "it is a Git LFS pointer",
  ],
  "HEIC photograph": ["x.heic", () => Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "it is HEIC, which"],
  "JPEG XL": ["x.jxl", () => Buffer.from([0xff, 0x0a, 1, 2, 3]), "it is JPEG XL, which"],
  "huge PNG": ["x.png", hugePng, "Input image exceeds pixel limit"],
  "huge BMP": ["x.bmp", hugeBmp, "it is too large: 60000×60000"],
  "TIFF of floating-point numbers": ["x.tif", floatTiff, "its values are of the type float"],
};

describe.each(["in memory", "on the disk"])("one damaged image among 20 %s", (where) => {
  test.each(Object.entries(damages))("is left out and named: %s", async (_, [name, bytes, reason]) => {
    using folder = scratch();
    await pictures(folder.dir, 10);
    const options = {
      seed: 1,
      size: 8,
      cacheDir: join(folder.dir, ".cache"),
      ...(where === "in memory" ? {} : { mostInMemory: 0 }),
    };
    const sound = await loadDataset(folder.dir, options);
    const path = put(folder.dir, `cat/${name}`, await bytes());
    const told: string[] = [];
    onDamage(({ file, reason: why }) => told.push(`"${file}": ${why}`));
    const data = await loadDataset(folder.dir, options);
    onDamage(() => {});
    // Those of the disk are met when their header is read, or else when a training reads them.
    const [said = ""] = [...data.warnings, ...told];
    if (where === "in memory" || said !== "") expect(said).toContain(`"${path}": ${reason}`);
    if (where === "in memory")
      expect([data.key, said.slice(0, 45)]).toEqual([sound.key, "1 of 21 images cannot be decoded and is left "]);
    const strict = loadDataset(folder.dir, { ...options, isStrict: true });
    if (data.warnings.length > 0) await expect(strict).rejects.toMatchObject({ code: "DATA_INVALID" });
    else await strict;
  });
});

test("more damaged images than the share that is allowed are refused, and the first five are named", async () => {
  using folder = scratch();
  await pictures(folder.dir, 10);
  for (let i = 0; i < 7; i++) put(folder.dir, `dog/x${i}.jpg`, "");
  for (const mostInMemory of [2 ** 30, 0]) {
    const load = (mostDamaged?: number): Promise<Dataset> =>
      loadDataset(folder.dir, { seed: 1, size: 8, cacheDir: join(folder.dir, ".cache"), mostInMemory, mostDamaged });
    const named = times(5, (i) => `"${join(folder.dir, `dog/x${i}.jpg`)}": it is empty`).join("; ");
    await expect(load()).rejects.toMatchObject({
      code: "DATA_INVALID",
      message: `Cannot use data "${folder.dir}": 7 of 27 images cannot be decoded, more than 10 %: ${named}; and 2 more`,
      hint: "Replace what is damaged, or allow a larger share with --most-damaged.",
    });
    expect((await load(0.3)).warnings).toEqual([
      `7 of 27 images cannot be decoded and are left out: ${named}; and 2 more`,
    ]);
    await expect(load(0)).rejects.toThrow("7 of 27 images cannot be decoded, more than 0 %");
  }
});

test("images of which none can be decoded are refused with the format that they have", async () => {
  using folder = scratch();
  for (const name of ["a/0", "a/1", "a/2", "b/0", "b/1", "b/2"])
    put(folder.dir, `${name}.heic`, "\0\0\0\x18ftypheic\0\0\0\0");
  await expect(loadDataset(folder.dir, { seed: 1, cacheDir: join(folder.dir, ".cache") })).rejects.toMatchObject({
    message: expect.stringContaining("6 of 6 images cannot be decoded, more than 10 %"),
    hint: "Convert the images to JPEG or PNG.",
  });
});

test("inWords() names the first five images, then says how many they are at 10, 100 and so on", () => {
  const told: string[] = [];
  const listen = inWords((message) => told.push(message));
  for (let n = 1; n <= 100; n++) listen({ file: `${n}.jpg`, reason: "it is empty" }, n);
  expect(told).toEqual([
    ...times(5, (i) => `"${i + 1}.jpg" cannot be decoded and is left out: it is empty`),
    "10 images so far cannot be decoded and are left out",
    "100 images so far cannot be decoded and are left out",
  ]);
});
