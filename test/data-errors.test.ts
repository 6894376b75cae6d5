import { mkdirSync, readdirSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { loadDataset, type LoadOptions } from "../src/data/dataset.ts";
import { MnasError, type ErrorCode } from "../src/errors.ts";
import { cifarRecord, idx, picture, pictures, put, times } from "./data-files.ts";
import { scratch } from "./mnas.ts";

interface Wrong {
  /** Makes the data, or spoils good ones. */
  readonly make: (dir: string) => unknown;
  /** What the message says; `DIR` stands for the folder. */
  readonly says: string;
  readonly options?: Partial<LoadOptions>;
  /** `DATA_INVALID` by default. */
  readonly code?: ErrorCode;
}

const images = "train-images-idx3-ubyte";
const labels = "train-labels-idx1-ubyte";

/** Twelve images of 2×3 with these labels, in IDX files. */
function putIdx(dir: string, values: readonly number[] = times(12, (i) => i % 2)): void {
  put(dir, images, idx([12, 2, 3], Array<number>(72).fill(1)));
  put(dir, labels, idx([values.length], values));
}

const changed =
  (make: (dir: string) => unknown, spoil: (dir: string) => unknown) =>
  async (dir: string): Promise<void> => {
    await make(dir);
    await spoil(dir);
  };

const idxFiles: Record<string, Wrong> = {
  "images that are cut off": {
    make: changed(putIdx, (dir) => truncateSync(join(dir, images), 50)),
    says: `Cannot read "DIR/${images}": it is cut off: 34 bytes after the header, must be 72`,
  },
  "labels that are cut off": {
    make: changed(putIdx, (dir) => truncateSync(join(dir, labels), 19)),
    says: `Cannot read "DIR/${labels}": it is cut off: 11 bytes`,
  },
  "a header that is cut off": {
    make: changed(putIdx, (dir) => truncateSync(join(dir, images), 9)),
    says: `Cannot read "DIR/${images}": its header is cut off`,
  },
  "an empty file": {
    make: changed(putIdx, (dir) => truncateSync(join(dir, labels), 0)),
    says: `Cannot read "DIR/${labels}": it begins with nothing, must be 00000801`,
  },
  "a gzipped file that is cut off": {
    make: (dir) => {
      put(
        dir,
        `${images}.gz`,
        gzipSync(
          idx(
            [12, 2, 3],
            times(72, (i) => i),
          ),
        ).subarray(0, 40),
      );
      put(dir, `${labels}.gz`, gzipSync(idx([12], Array<number>(12).fill(0))));
    },
    says: `Cannot unzip "DIR/${images}.gz": it is cut off or no gzip file`,
  },
  "a file of something else": {
    make: changed(putIdx, (dir) => put(dir, images, "<!doctype html>")),
    says: `Cannot read "DIR/${images}": it begins with 3c21646f, must be 00000803`,
  },
  "more bytes than pixels": {
    make: changed(putIdx, (dir) => put(dir, images, idx([12, 2, 3], Array<number>(73).fill(1)))),
    says: `Cannot read "DIR/${images}": it is too long: 73 bytes`,
  },
  "fewer labels than images": {
    make: (dir) => putIdx(dir, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]),
    says: `Cannot use "DIR/${labels}": it has 11 labels for the 12 images of "${images}"`,
  },
  "images without labels": {
    make: (dir) => put(dir, images, idx([1, 2, 3], Array<number>(6).fill(1))),
    says: `Cannot use data "DIR": it has "${images}" but no labels for it`,
  },
  "a test part only": {
    make: (dir) => {
      put(dir, "t10k-images-idx3-ubyte", idx([2, 1, 1], [1, 2]));
      put(dir, "t10k-labels-idx1-ubyte", idx([2], [0, 1]));
    },
    says: 'Cannot use data "DIR": it has no train-images',
  },
  "a label that classes.txt has no name for": {
    make: changed(
      (dir) =>
        putIdx(
          dir,
          times(12, (i) => i % 3),
        ),
      (dir) => put(dir, "classes.txt", "a\nb\n"),
    ),
    says: `Cannot use "DIR/${labels}": label 2 is 2, must be < 2`,
  },
  "a name that stands twice": {
    make: changed(putIdx, (dir) => put(dir, "classes.txt", "a\na\n")),
    says: 'Cannot use classes "DIR/classes.txt": "a" is there twice',
  },
  "one class only": {
    make: (dir) => putIdx(dir, Array<number>(12).fill(0)),
    says: 'Cannot use data "DIR": it has one class only, "0"',
  },
  "a test part of another shape": {
    make: changed(putIdx, (dir) => {
      put(dir, "t10k-images-idx3-ubyte", idx([2, 1, 1], [1, 2]));
      put(dir, "t10k-labels-idx1-ubyte", idx([2], [0, 1]));
    }),
    says: 'Cannot use data "DIR": the test part has images of 1×1, train of 2×3',
  },
  "a size that images cannot get": {
    make: (dir) => putIdx(dir),
    options: { size: 8 },
    says: 'Cannot use data "DIR" at 8 px: its images are 2×3',
  },
};

const cifarFiles: Record<string, Wrong> = {
  "a batch that is cut off": {
    make: (dir) => put(dir, "data_batch_1.bin", Buffer.concat(times(4, cifarRecord)).subarray(0, 9000)),
    says: 'Cannot read "DIR/data_batch_1.bin": it is cut off: 9000 bytes, must be a multiple of 3073',
  },
  "an empty batch": {
    make: (dir) => put(dir, "data_batch_1.bin", ""),
    says: 'Cannot read "DIR/data_batch_1.bin": it is cut off: 0 bytes',
  },
  "a label beyond the classes": {
    make: (dir) => put(dir, "data_batch_2.bin", Buffer.concat([cifarRecord(3), cifarRecord(10)])),
    says: 'Cannot read "DIR/data_batch_2.bin": label 1 is 10, must be < 10',
  },
  "no train batch": {
    make: (dir) => put(dir, "test_batch.bin", cifarRecord(0)),
    says: 'Cannot use data "DIR": it has no data_batch_1.bin',
  },
};

const good = (dir: string): Promise<void> => pictures(dir, 4);

const imageFolders: Record<string, Wrong> = {
  "an image in no class": {
    make: changed(good, (dir) => picture(dir, "9.png")),
    says: 'Cannot use "DIR/9.png": it lies in no class folder',
  },
  "a folder inside a class": {
    make: changed(good, (dir) => picture(dir, "dog/puppy/1.png")),
    says: 'Cannot use "DIR/dog/puppy": it is a folder inside a class',
  },
  "a link to nothing": {
    make: changed(good, (dir) => symlinkSync(join(dir, "gone.jpg"), join(dir, "dog", "9.jpg"))),
    says: 'Cannot read "DIR/dog/9.jpg": it links to nothing',
  },
  "links in a circle": {
    make: changed(good, (dir) => symlinkSync(join(dir, "dog", "9.jpg"), join(dir, "dog", "9.jpg"))),
    code: "DATA_NOT_FOUND",
    says: 'Cannot read data "DIR/dog/9.jpg": its links go in a circle',
  },
  "a test part that shares no class with the train part": {
    make: async (dir) => {
      await good(join(dir, "train"));
      for (const name of ["0", "1"]) await picture(dir, `test/${name}/1.png`);
    },
    says: 'Cannot use data "DIR": the test part has no image of a class of the train part',
  },
  "no class of enough images to cut parts from": {
    make: (dir) => pictures(dir, 2),
    says: 'Cannot use data "DIR": no class has 3 images, so that none are left to validate and test with',
  },
  "two folders of one part": {
    make: async (dir) => {
      for (const part of ["train", "val", "validation"]) await good(join(dir, part));
    },
    says: 'Cannot use data "DIR/validation": there are two folders of the validation part',
  },
};

const others: Record<string, Wrong> = {
  "an empty folder": { make: () => {}, says: 'Cannot use data "DIR": it is empty' },
  "a folder of other files": {
    make: (dir) => put(dir, "notes.txt", "1,2"),
    says: 'Cannot use data "DIR": it holds no images that mnas can read',
  },
};

describe.each(
  Object.entries({
    "IDX files": idxFiles,
    "CIFAR-10 batches": cifarFiles,
    "image folders": imageFolders,
    folders: others,
  }),
)("%s", (_, wrongs) => {
  test.each(Object.entries(wrongs))(
    "with %s are refused, and nothing is cached",
    async (__, { make, says, options, code = "DATA_INVALID" }) => {
      using folder = scratch();
      const [dir, cacheDir] = [join(folder.dir, "data"), join(folder.dir, "cache")];
      mkdirSync(dir);
      mkdirSync(cacheDir);
      await make(dir);
      const error: unknown = await loadDataset(dir, { seed: 1, cacheDir, ...options }).catch(
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(MnasError);
      expect(error).toMatchObject({
        code,
        message: expect.stringContaining(says.replaceAll("DIR", dir)),
      });
      expect((error as MnasError).hint).toMatch(/\.$/);
      expect((error as MnasError).message).not.toMatch(/\n|\.$/);
      expect(readdirSync(cacheDir)).toEqual([]);
    },
  );
});

test("a folder that is not there is DATA_NOT_FOUND, a file in its place DATA_INVALID", async () => {
  using folder = scratch();
  const gone = join(folder.dir, "gone");
  await expect(loadDataset(gone, { seed: 1 })).rejects.toMatchObject({
    code: "DATA_NOT_FOUND",
    message: `Cannot read data "${gone}": no such folder`,
  });
  const file = put(folder.dir, "data.zip", "PK");
  await expect(loadDataset(file, { seed: 1 })).rejects.toMatchObject({
    code: "DATA_INVALID",
    message: `Cannot use data "${file}": it is a file`,
  });
});

test("links that lead nowhere are passed over where no image is expected", async () => {
  using folder = scratch();
  await good(folder.dir);
  const { key } = await loadDataset(folder.dir, { seed: 1, cacheDir: join(folder.dir, ".cache") });
  for (const name of ["notes", "cat/notes.txt"]) {
    symlinkSync(join(folder.dir, "gone"), join(folder.dir, name));
    symlinkSync(join(folder.dir, `${name}.loop`), join(folder.dir, `${name}.loop`));
  }
  expect(await loadDataset(folder.dir, { seed: 1, cacheDir: join(folder.dir, ".cache") })).toMatchObject({ key });
});

test("links to classes and images are followed", async () => {
  using folder = scratch();
  const dir = join(folder.dir, "data");
  await good(join(folder.dir, "real"));
  mkdirSync(join(dir, "dog"), { recursive: true });
  symlinkSync(join(folder.dir, "real", "cat"), join(dir, "cat"));
  for (const name of readdirSync(join(folder.dir, "real", "dog")))
    symlinkSync(join(folder.dir, "real", "dog", name), join(dir, "dog", name));
  const load = (from: string) => loadDataset(from, { seed: 1, cacheDir: join(folder.dir, "cache") });
  expect((await load(dir)).key).toBe((await load(join(folder.dir, "real"))).key);
});

test("a share of nothing or of everything is a mistake of the caller", async () => {
  for (const validationShare of [0, 1, NaN]) {
    await expect(loadDataset(undefined, { seed: 1, validationShare })).rejects.toThrow(RangeError);
  }
});
