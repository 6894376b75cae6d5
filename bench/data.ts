/*
 * Speed of decoding images, and whether it keeps a training waiting.
 *
 *   node bench/data.ts
 *
 * 400 JPEGs of about 500×375, noise with structure at every scale, are decoded to 224 px: by one core, and for a training
 * of MnasNet-A1 with batches of 16. A training waits when a batch is not there yet when the step before it has ended.
 * Listing is measured on empty files.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { buildGraph } from "../src/arch/build.ts";
import { zooArch } from "../src/arch/zoo.ts";
import { fillBatch } from "../src/data/batches.ts";
import { bytesOf, decodeFiles } from "../src/data/decode.ts";
import { indexFiles, pathsOf, type ClassFiles, type FileIndex } from "../src/data/file-index.ts";
import { listFolder } from "../src/data/listing.ts";
import { largerOf, prefetch, storedImages } from "../src/data/source.ts";
import { createEngine } from "../src/engine/engine.ts";
import { initWeights } from "../src/graph/weights.ts";
import { createRng, type Rng } from "../src/util/rng.ts";

const count = 400;
const batch = 16;
const steps = 20;

/** Octaves of noise, each half as strong as the one below it, as a JPEG. */
async function makeJpeg(rng: Rng): Promise<Buffer> {
  const [width, height] = [480 + rng.int(41), 360 + rng.int(31)];
  const sum = new Float32Array(width * height * 3);
  for (let cells = 4, share = 60; cells <= 256; cells *= 2, share *= 0.75) {
    const noise = Buffer.from(Uint8Array.from({ length: cells * cells * 3 }, () => rng.int(256)));
    const large = await sharp(noise, { raw: { width: cells, height: cells, channels: 3 } })
      .resize(width, height, { fit: "fill" })
      .raw()
      .toBuffer();
    large.forEach((value, i) => (sum[i]! += ((value - 128) / 128) * share));
  }
  const pixels = Uint8ClampedArray.from(sum, (value) => 128 + value);
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 92 })
    .toBuffer();
}

async function makeImages(dir: string): Promise<FileIndex> {
  const rng = createRng("images");
  let bytes = 0;
  const names = Array.from({ length: count }, (_, i) => `${i}.jpg`);
  for (const name of names) {
    const jpeg = await makeJpeg(rng);
    bytes += jpeg.length;
    writeFileSync(join(dir, name), jpeg);
  }
  console.log(`${count} JPEGs of about 500×375, ${(bytes / count / 1024).toFixed(0)} KiB each`);
  return indexFiles([{ dir, names }]);
}

/** Images per second of one core, by the time that all threads of this process used. */
async function decodingSpeed(files: FileIndex, side: number): Promise<void> {
  const paths = pathsOf(files);
  const shape = { side, channels: 3 };
  const pixels = new Uint8Array(paths.length * bytesOf(shape));
  await decodeFiles(paths.slice(0, 50), shape, 1, pixels);
  const speeds: number[] = [];
  for (let round = 0; round < 3; round++) {
    const before = process.cpuUsage();
    await decodeFiles(paths, shape, 1, pixels);
    const { user, system } = process.cpuUsage(before);
    speeds.push(count / ((user + system) / 1e6));
  }
  console.log(`decoding to ${side} px: ${speeds.toSorted((a, b) => a - b)[1]!.toFixed(0)} images/s per core`);
}

/** Shares of the time of a training that it waits for images and that it takes to normalise them. */
async function waiting(files: FileIndex, isLarger: boolean): Promise<void> {
  const graph = buildGraph(zooArch("mnasnet-a1", { task: { classes: 10 } }));
  const engine = await createEngine(graph, {
    batch,
    optimizer: { kind: "sgd", momentum: 0.9, nesterov: true },
    weightDecay: 0,
    labelSmoothing: 0,
    emaDecay: null,
    seed: 0,
  });
  engine.setWeights(initWeights(graph, createRng(0)));
  const stored = storedImages(files, { side: 224, channels: 3 });
  const indicesOf = (k: number): Uint32Array => Uint32Array.from({ length: batch }, (_, i) => (k * batch + i) % count);
  const batchAt = prefetch(isLarger ? largerOf(stored) : stored, indicesOf);
  const order = indicesOf(0);
  const out = { images: engine.images, labels: engine.labels, input: { height: 224, width: 224 } };
  let waited = 0;
  let filling = 0;
  let start = 0;
  for (let step = -2; step < steps; step++) {
    // The first steps compile kernels and start the decoder.
    if (step === 0) [start, waited, filling] = [performance.now(), 0, 0];
    const asked = performance.now();
    const images = await batchAt(step + 2);
    const given = performance.now();
    fillBatch({ mean: [0.5, 0.5, 0.5], deviation: [0.25, 0.25, 0.25] }, images, order, 0, out);
    const filled = performance.now();
    engine.step(0.01);
    waited += given - asked;
    filling += filled - given;
    await new Promise(setImmediate);
  }
  const all = performance.now() - start;
  const share = (ms: number): string => `${((100 * ms) / all).toFixed(2)} %`;
  console.log(
    `MnasNet-A1 at 224 px, images of ${isLarger ? 256 : 224}: ${((1000 * batch * steps) / all).toFixed(1)} images/s, ` +
      `waiting ${share(waited)}, normalising ${share(filling)}`,
  );
}

/** Time and memory of an index of a million files in a thousand classes. */
function indexing(dir: string): void {
  const perClass = 1000;
  const names = (c: number): string[] =>
    Array.from({ length: perClass }, (_, i) => `n${String(c).padStart(8, "0")}_${i}.JPEG`);
  function* classes(): Generator<ClassFiles> {
    for (let c = 0; c < 1000; c++) yield { dir: `/data/train/n${c}`, names: names(c) };
  }
  const begin = performance.now();
  const index = indexFiles(classes());
  const seconds = (performance.now() - begin) / 1000;
  const part = storedImages(index, { side: 224, channels: 3 });
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const indexBytes = index.names.byteLength + index.starts.byteLength + index.labels.byteLength;
  console.log(
    `index of ${part.count} files with names of 18 to 20 bytes: ${mib(indexBytes)} in ${seconds.toFixed(2)} s, ` +
      `and ${mib(8 * part.count)} for the parts of it`,
  );

  const folders = 100;
  for (let c = 0; c < folders; c++) {
    mkdirSync(join(dir, String(c)), { recursive: true });
    for (const name of names(c)) writeFileSync(join(dir, String(c), name), "");
  }
  const start = performance.now();
  for (let c = 0; c < folders; c++) listFolder(join(dir, String(c)));
  const perMillion = ((performance.now() - start) / (folders * perClass)) * 1000;
  console.log(`listing: ${perMillion.toFixed(1)} s per million files`);
}

const dir = mkdtempSync(join(tmpdir(), "mnas-bench-"));
try {
  const files = await makeImages(dir);
  for (const side of [224, 256]) await decodingSpeed(files, side);
  for (const isLarger of [false, true]) await waiting(files, isLarger);
  indexing(join(dir, "many"));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
