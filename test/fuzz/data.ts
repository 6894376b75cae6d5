import { gzipSync } from "node:zlib";
import { loadDataset } from "../../src/data/dataset.ts";
import { cifarRecord, idx, pictureBytes, times } from "../data-files.ts";
import { folderOf, withFile } from "./folder.ts";
import { must, type Reader } from "./reader.ts";

const cacheDir = folderOf();

/** Reads the data set of a folder in which one file is the input. */
async function readData(dir: string): Promise<void> {
  const { train, validation, test, classes, mean, deviation } = await loadDataset(dir, { seed: 1, cacheDir });
  must(train.count > 0 && classes.length > 1, "it has no images or no two classes");
  must([...mean, ...deviation].every(Number.isFinite), "a statistic is not finite");
  for (const { labels, count } of [train, validation, test]) {
    must(labels.length === count, "labels are missing");
    must(
      labels.every((label) => label >= 0 && label < classes.length),
      "a label has no class",
    );
  }
}

/** A reader of one file among the others of a data set. */
function fileIn(
  name: string,
  file: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  samples: readonly (string | Uint8Array)[],
  share = 1,
): Reader {
  const dir = folderOf(files);
  const read = (input: Uint8Array): Promise<void> => withFile(dir, file, input, () => readData(dir));
  return { name, samples, read, share };
}

const images = idx(
  [40, 4, 4],
  times(640, (i) => i % 256),
);
const labels = idx(
  [40],
  times(40, (i) => i % 4),
);
const idxFiles = { "train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels };
const { "train-images-idx3-ubyte": _, ...onlyLabels } = idxFiles;
const { "train-labels-idx1-ubyte": __, ...onlyImages } = idxFiles;
const emnist = { "emnist-letters-train-images-idx3-ubyte": images, "emnist-letters-train-labels-idx1-ubyte": labels };

const batch = Buffer.concat(times(24, (i) => cifarRecord(i % 3)));
const hundred = Buffer.concat(times(24, (i) => Buffer.concat([Buffer.of(0), cifarRecord(i % 3)])));

const names = times(24, (i) => `${i}.png`);
const png = await pictureBytes("png");
const pngs = Object.fromEntries(names.map((name) => [name, png]));
const rows = names.map((name, i) => [name, ["cat", "dog"][i % 2]!] as const);
const csv = (mark: string): string =>
  ["file", ...names].map((name, i) => [name, i === 0 ? "label" : rows[i - 1]![1]].join(mark)).join("\n");
const objects = rows.map(([file, label]) => ({ file, label }));
const inClasses = Object.fromEntries(rows.flatMap(([name, label]) => [[`${label}/${name}`, png]]));

const formats = await Promise.all(
  ["png", "jpg", "bmp", "gif", "webp", "tiff", "avif"].map((ending) => pictureBytes(ending)),
);

export const dataReaders: readonly Reader[] = [
  fileIn("IDX images", "train-images-idx3-ubyte", onlyLabels, [images]),
  fileIn("IDX images, gzipped", "train-images-idx3-ubyte.gz", onlyLabels, [gzipSync(images)], 0.5),
  fileIn("IDX labels", "train-labels-idx1-ubyte", onlyImages, [labels]),
  fileIn("EMNIST names", "emnist-letters-mapping.txt", emnist, ["0 65\n1 66\n2 67\n3 68 100\n"]),
  fileIn("class names", "classes.txt", idxFiles, ["a\nb\nc\nd\n", "α\r\nβ\r\nγ\r\nδ"], 0.5),
  fileIn("CIFAR-10", "data_batch_1.bin", {}, [batch], 0.5),
  fileIn("CIFAR-100", "train.bin", { "fine_label_names.txt": "a\nb\nc\n" }, [hundred], 0.5),
  fileIn("images", "cat/a.png", inClasses, formats, 0.5),
  fileIn("labels, CSV", "train.csv", pngs, [csv(","), csv(";"), csv("\t")], 0.5),
  fileIn("labels, JSON", "train.json", pngs, [JSON.stringify(objects), JSON.stringify(Object.fromEntries(rows))], 0.5),
  fileIn("labels, JSON lines", "train.jsonl", pngs, [objects.map((row) => JSON.stringify(row)).join("\n")], 0.5),
];
