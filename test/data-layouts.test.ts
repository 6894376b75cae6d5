import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadDataset, type Dataset } from "../src/data/dataset.ts";
import { partNames } from "../src/data/images.ts";
import { listFolder, peek } from "../src/data/listing.ts";
import { MnasError } from "../src/errors.ts";
import { cifarRecord, idx, picture, pictureBytes, pictures, put, times } from "./data-files.ts";
import { scratch, start } from "./mnas.ts";

const load = (dir: string, cacheDir: string, isStrict = false): Promise<Dataset> =>
  loadDataset(dir, { seed: 1, cacheDir, isStrict });

const small: Promise<Buffer> = pictureBytes("png", { width: 8, height: 8 });

/** Files that are images, as paths. */
async function images(dir: string, ...paths: readonly string[]): Promise<void> {
  for (const path of paths) put(dir, path, await small);
}

/** As many images in each of some folders. */
const filled = (folders: readonly string[], count: number): string[] =>
  folders.flatMap((folder) => times(count, (i) => `${folder}/${i}.png`));

/** Images in folders of two classes. */
const parted =
  (train: string, ...others: readonly string[]) =>
  (dir: string) =>
    images(
      dir,
      ...filled([`${train}/cat`, `${train}/dog`], 4),
      ...filled(
        others.flatMap((at) => [`${at}/cat`, `${at}/dog`]),
        2,
      ),
    );

const counts = (data: Dataset): number[] => partNames.map((part) => data[part].count);

interface Layout {
  readonly make: (dir: string) => unknown;
  readonly classes?: readonly string[];
  /** Images of the train, validation and test part. */
  readonly counts: readonly number[];
  /** Warnings; `DIR` stands for the folder. */
  readonly warns?: readonly string[];
}

const letters = Buffer.from("0 48\n1 65 97\n2 66 98\n");

function putIdx(dir: string, prefix: string, labels: readonly number[], tested: readonly number[] = labels): void {
  for (const [part, values] of [
    ["train", labels],
    ["test", tested],
  ] as const) {
    put(
      dir,
      `${prefix}${part}-images-idx3-ubyte`,
      idx(
        [values.length, 2, 2],
        times(4 * values.length, (i) => i % 251),
      ),
    );
    put(dir, `${prefix}${part}-labels-idx1-ubyte`, idx([values.length], values));
  }
}

const hundred = (fine: number, coarse: number): Buffer => Buffer.concat([Buffer.of(coarse), cifarRecord(fine)]);

const layouts: Readonly<Record<string, Layout>> = {
  ...Object.fromEntries(
    [
      ["train", "test"],
      ["training", "testing"],
      ["Train", "Test"],
      ["TRAIN", "TEST"],
      ["seg_train", "seg_test"],
      ["seg_train/seg_train", "seg_test/seg_test"],
      ["training_set", "test_set"],
      ["Training Data", "Testing Data"],
      ["trainset", "testset"],
      ["train-images", "test-images"],
      ["train/images", "test/images"],
    ].map(([training = "", testing = ""]): [string, Layout] => [
      `${training} and ${testing}`,
      { make: parted(training, testing), counts: [6, 2, 4] },
    ]),
  ),
  ...Object.fromEntries(
    ["dev", "val", "valid", "Validation", "validation_set"].map((name): [string, Layout] => [
      `train and ${name}`,
      { make: parted("train", name), counts: [6, 4, 2] },
    ]),
  ),
  "train, dev and test": { make: parted("train", "dev", "test"), counts: [8, 4, 4] },
  "train and eval": {
    make: parted("train", "eval"),
    counts: [6, 2, 4],
    warns: ['"DIR/eval" is taken for the test part'],
  },
  "train, eval and test": {
    make: parted("train", "eval", "test"),
    counts: [8, 4, 4],
    warns: ['"DIR/eval" is taken for the validation part'],
  },
  "classes that are called like parts": {
    make: (dir) => images(dir, ...filled(["test_negative", "test_positive"], 4)),
    classes: ["test_negative", "test_positive"],
    counts: [4, 2, 2],
  },
  "a test folder without classes": {
    make: async (dir) => {
      await parted("train")(dir);
      await images(dir, "test/1.png", "test/2.png");
    },
    counts: [4, 2, 2],
    warns: [
      '"DIR/test" has no folders of classes, so that its images are not used: the test part is cut from the train part',
    ],
  },
  "a folder of images to predict": {
    make: async (dir) => {
      await parted("seg_train/seg_train", "seg_test/seg_test")(dir);
      await images(dir, "seg_pred/seg_pred/1.png");
    },
    counts: [6, 2, 4],
    warns: ['"DIR/seg_pred" is no part of the data and is not used'],
  },
  "one level too high": {
    make: parted("photos/train", "photos/test"),
    counts: [6, 2, 4],
    warns: ['the data are read from "DIR/photos"'],
  },
  "two levels too high, beside a text": {
    make: async (dir) => {
      await images(dir, ...filled(["a/b/cat", "a/b/dog"], 4));
      put(dir, "README.txt", "read me");
    },
    counts: [4, 2, 2],
    warns: ['the data are read from "DIR/a/b"'],
  },
  "classes that hold one folder of images": {
    make: (dir) => images(dir, ...filled(["cat/images", "dog/images"], 4)),
    counts: [4, 2, 2],
  },
  "MNIST one level below": {
    make: (dir) =>
      putIdx(
        join(dir, "MNIST/raw"),
        "",
        times(12, (i) => i % 2),
      ),
    classes: ["0", "1"],
    counts: [10, 2, 12],
    warns: ['the data are read from "DIR/MNIST/raw"'],
  },
  "CIFAR-10 one level below": {
    make: (dir) => {
      for (const name of ["data_batch_1.bin", "test_batch.bin"])
        put(dir, `cifar-10-batches-bin/${name}`, Buffer.concat(times(40, (i) => cifarRecord(i % 10))));
    },
    classes: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    counts: [30, 10, 40],
    warns: ['the data are read from "DIR/cifar-10-batches-bin"'],
  },
  "CIFAR-100 with fine labels": {
    make: (dir) => {
      put(dir, "fine_label_names.txt", "apple\nbeaver\nfish\n");
      put(dir, "coarse_label_names.txt", "plant\nanimal\n");
      for (const name of ["train.bin", "test.bin"])
        put(dir, name, Buffer.concat(times(12, (i) => hundred(i % 3, Math.min(1, i % 3)))));
    },
    classes: ["apple", "beaver", "fish"],
    counts: [9, 3, 12],
  },
  "CIFAR-100 with coarse labels": {
    make: (dir) => {
      put(dir, "coarse_label_names.txt", "plant\nanimal\n");
      put(dir, "train.bin", Buffer.concat(times(12, (i) => hundred(i % 3, Math.min(1, i % 3)))));
    },
    classes: ["plant", "animal"],
    counts: [8, 2, 2],
    warns: ['"DIR" has no fine_label_names.txt, so that the coarse labels are learnt'],
  },
  "EMNIST's names, and labels from 1": {
    make: (dir) =>
      putIdx(
        dir,
        "emnist-letters-",
        times(12, (i) => 1 + (i % 2)),
      ),
    classes: ["1", "2"],
    counts: [10, 2, 12],
    warns: [expect.stringMatching(/^EMNIST's files hold pictures with rows and columns exchanged/) as string],
  },
  "EMNIST's mapping": {
    make: (dir) => {
      putIdx(
        dir,
        "emnist-letters-",
        times(12, (i) => 1 + (i % 2)),
      );
      put(dir, "emnist-letters-mapping.txt", letters);
    },
    classes: ["A", "B"],
    counts: [10, 2, 12],
    warns: [expect.stringMatching(/^EMNIST's/) as string],
  },
  "labels with gaps": {
    make: (dir) =>
      putIdx(
        dir,
        "",
        times(12, (i) => [2, 5, 9][i % 3]!),
      ),
    classes: ["2", "5", "9"],
    counts: [9, 3, 12],
  },
  "labels from 1 with names": {
    make: (dir) => {
      putIdx(
        dir,
        "",
        times(12, (i) => 1 + (i % 2)),
      );
      put(dir, "classes.txt", "left\nright\n");
    },
    classes: ["left", "right"],
    counts: [10, 2, 12],
  },
  "a label that only the test part has": {
    make: (dir) =>
      putIdx(
        dir,
        "",
        times(12, (i) => i % 2),
        [0, 1, 7],
      ),
    classes: ["0", "1"],
    counts: [10, 2, 2],
    warns: ['images of class "7" in the test part are left out: the train part has none, so they cannot be learnt'],
  },
};

const train = filled(["train"], 8);
const rows = (values: (i: number) => string): string => times(8, values).join("\n");
const label = (i: number): string => (i % 2 === 0 ? "cat" : "dog");

/** Eight images in a folder, and a table beside it. */
const table =
  (name: string, text: string, ...more: readonly string[]) =>
  async (dir: string): Promise<void> => {
    await images(dir, ...train, ...more);
    put(dir, name, text);
  };

const tables: Readonly<Record<string, Layout>> = Object.fromEntries(
  (
    [
      ["id without an ending", "train.csv", `id,label\n${rows((i) => `${i},${label(i)}`)}`],
      ["id with an ending", "train.csv", `id,label\n${rows((i) => `${i}.png,${label(i)}`)}`],
      ["paths from the table", "labels.csv", `file_name,class\n${rows((i) => `train/${i}.png,${label(i)}`)}`],
      [
        "paths of another machine",
        "labels.csv",
        `path,species\n${rows((i) => `C:\\data\\train\\${i}.png,${label(i)}`)}`,
      ],
      ["an index before", "train.csv", `,image_id,breed\n${rows((i) => `${i},${i}.png,${label(i)}`)}`],
      ["semicolons", "train.csv", `id;label\n${rows((i) => `${i};${label(i)}`)}`],
      ["tabs", "train.tsv", `id\tlabel\n${rows((i) => `${i}\t${label(i)}`)}`],
      ["quoted cells", "train.csv", `"id","note","label"\n${rows((i) => `"${i}","a, ""b""","${label(i)}"`)}`],
      [
        "a byte order mark and CRLF",
        "train.csv",
        `\ufeffid,label\r\n${times(8, (i) => `${i},${label(i)}`).join("\r\n")}\r\n`,
      ],
      ["no header", "train.csv", rows((i) => `${i}.png,${label(i)}`)],
      ["JSON of rows", "train.json", JSON.stringify(times(8, (i) => ({ file: `${i}.png`, label: label(i) })))],
      ["JSON of names", "labels.json", JSON.stringify(Object.fromEntries(times(8, (i) => [`${i}.png`, label(i)])))],
      ["JSON lines", "metadata.jsonl", rows((i) => JSON.stringify({ file_name: `train/${i}.png`, label: label(i) }))],
    ] as const
  ).map(([name, file, text]): [string, Layout] => [name, { make: table(file, text), counts: [4, 2, 2] }]),
);

const moreTables: Readonly<Record<string, Layout>> = {
  "a test folder without labels and an example of an answer": {
    make: async (dir) => {
      await table("train.csv", `id,label\n${rows((i) => `${i},${label(i)}`)}`, "test/0.png", "test/1.png")(dir);
      put(dir, "sample_submission.csv", "id,label\n0,cat\n1,cat\n");
    },
    counts: [4, 2, 2],
    warns: ['2 images below "DIR" are in no table and are not used'],
  },
  "a table for each part": {
    make: async (dir) => {
      await table("train.csv", `id,label\n${rows((i) => `${i},${label(i)}`)}`, "test/0.png", "test/1.png")(dir);
      put(dir, "test.csv", "id,label\n0,cat\n1,dog\n");
    },
    counts: [6, 2, 2],
  },
  "a column of parts": {
    make: table("all.csv", `file,label,split\n${rows((i) => `${i}.png,${label(i)},${i < 6 ? "train" : "test"}`)}`),
    counts: [4, 2, 2],
  },
  "a column that is called after parts and names none": {
    make: table("all.csv", `file,label,Set\n${rows((i) => `${i}.png,${label(i)},${i % 2}`)}`),
    counts: [4, 2, 2],
    warns: ['column "Set" of "DIR/all.csv" names no parts and is not used: "0", "1"'],
  },
  "labels that are numbers, with names": {
    make: async (dir) => {
      await table("train.csv", `id,label\n${rows((i) => `${i},${i % 2 === 0 ? 2 : 10}`)}`)(dir);
      put(dir, "classes.txt", times(11, (i) => `class ${i}`).join("\n"));
    },
    classes: ["class 2", "class 10"],
    counts: [4, 2, 2],
    warns: [expect.stringMatching(/^no image is of "class 0", .*, 4 more, which classes\.txt names$/) as string],
  },
  "labels from 1, with names": {
    make: async (dir) => {
      await table("train.csv", `id,label\n${rows((i) => `${i},${1 + (i % 2)}`)}`)(dir);
      put(dir, "classes.txt", "cat\ndog\n");
    },
    counts: [4, 2, 2],
  },
  "more names than labels": {
    make: async (dir) => {
      await table("train.csv", `id,label\n${rows((i) => `${i},${1 + (i % 2)}`)}`)(dir);
      put(dir, "classes.txt", "ant\ncat\ndog\nemu\n");
    },
    counts: [4, 2, 2],
    warns: ['no image is of "ant", "emu", which classes.txt names'],
  },
  "fewer names than labels": {
    make: async (dir) => {
      await table("train.csv", `id,label\n${rows((i) => `${i},${7 * (i % 2)}`)}`)(dir);
      put(dir, "classes.txt", "cat\ndog\n");
    },
    classes: ["0", "7"],
    counts: [4, 2, 2],
    warns: ["classes.txt has 2 names and is not used: there is a label 7"],
  },
  "labels that differ in case": {
    make: table("train.csv", `id,label\n${rows((i) => `${i},${i % 2 === 0 ? "Dog" : "dog"}`)}`),
    classes: ["Dog", "dog"],
    counts: [4, 2, 2],
    warns: ['classes "Dog", "dog" differ only in upper and lower case'],
  },
  "a row without an image": {
    make: table("train.csv", `id,label\n${rows((i) => `${i},${label(i)}`)}\n99,cat\n`),
    counts: [4, 2, 2],
    warns: ['1 of 9 rows have no image or no label in "DIR/train.csv" and are left out: "99"'],
  },
  "a table one level below": {
    make: (dir) => table("train.csv", `id,label\n${rows((i) => `${i},${label(i)}`)}`)(join(dir, "contest")),
    counts: [4, 2, 2],
    warns: ['the data are read from "DIR/contest"'],
  },
  "a table that agrees with folders of classes": {
    make: async (dir) => {
      await pictures(dir, 4);
      put(dir, "labels.csv", "file,label\n0.jpg,cat\n");
    },
    counts: [4, 2, 2],
  },
};

describe.each(Object.entries({ folders: layouts, tables, "more tables": moreTables }))(
  "%s are recognized",
  (_, all) => {
    test.each(Object.entries(all))(
      "%s",
      async (__, { make, classes = ["cat", "dog"], counts: expected, warns = [] }) => {
        using folder = scratch();
        const dir = join(folder.dir, "data");
        mkdirSync(dir);
        await make(dir);
        const data = await load(dir, join(folder.dir, "cache"));
        expect({ classes: data.classes, counts: counts(data), warnings: data.warnings }).toEqual({
          classes,
          counts: expected,
          warnings: warns.map((text) => (typeof text === "string" ? text.replaceAll("DIR", dir) : text)),
        });
        const strict = load(dir, join(folder.dir, "cache"), true);
        if (warns.length === 0) expect((await strict).key).toBe(data.key);
        else await expect(strict).rejects.toMatchObject({ code: "DATA_INVALID" });
      },
    );
  },
);

test("every way of giving the same images the same classes gives the same pixels and classes", async () => {
  using folder = scratch();
  await parted("a/train", "a/test")(folder.dir);
  await parted("b/seg_TRAIN/seg_TRAIN", "b/Testing")(folder.dir);
  const keys = await Promise.all(
    ["a", "b"].map(async (name) => (await load(join(folder.dir, name), join(folder.dir, "c"))).key),
  );
  expect(keys[0]).toBe(keys[1]);
});

interface Wrong {
  readonly make: (dir: string) => unknown;
  readonly says: string;
  readonly hint: RegExp;
}

const wrongs: Readonly<Record<string, Wrong>> = {
  "several data sets below": {
    make: async (dir) => {
      await parted("a/train")(dir);
      await parted("b/train")(dir);
    },
    says: 'Cannot use data "DIR": it holds several data sets: "DIR/a", "DIR/b"',
    hint: /^Name one of them/,
  },
  "several sets of EMNIST": {
    make: (dir) => {
      for (const set of ["digits", "letters"]) putIdx(dir, `emnist-${set}-`, [1, 2, 1, 2]);
    },
    says: 'Cannot use data "DIR": it holds several data sets: "emnist-digits-*", "emnist-letters-*"',
    hint: /^Put the files of one set into a folder/,
  },
  "a mapping that gives two labels one letter": {
    make: (dir) => {
      putIdx(
        dir,
        "emnist-x-",
        times(12, (i) => i % 2),
      );
      put(dir, "emnist-x-mapping.txt", "0 65\n1 65\n");
    },
    says: 'Cannot read "DIR/emnist-x-mapping.txt": a label or a letter is there twice',
    hint: /^Get the file again/,
  },
  "parts below classes": {
    make: (dir) => images(dir, ...filled(["cat/train", "cat/test", "dog/train", "dog/test"], 2)),
    says: 'Cannot use "DIR/cat/test": it is a folder inside a class',
    hint: /^Put the parts above the classes/,
  },
  "parts without classes": {
    make: (dir) => images(dir, ...filled(["train", "test"], 4)),
    says: 'Cannot use data "DIR/train": its images lie in no class folder',
    hint: /DIR\/train\/class\//,
  },
  "no train part": {
    make: parted("val", "test"),
    says: 'Cannot use data "DIR": it has no train part',
    hint: /DIR\/train\/class\//,
  },
  "another folder of classes beside the parts": {
    make: parted("train", "more"),
    says: 'Cannot use data "DIR/more": beside train there may be val and test only',
    hint: /^Name it val or test/,
  },
  "a table that contradicts folders of classes": {
    make: async (dir) => {
      await images(dir, ...filled(["images_1"], 3), ...times(3, (i) => `images_2/x${i}.png`));
      put(dir, "labels.csv", "file,label\n0.png,cat\nx0.png,dog\n");
    },
    says: 'Cannot use data "DIR": "labels.csv" says "cat" of "0.png", which lies in "images_1"',
    hint: /^Put all images into one folder/,
  },
  "a table of names without endings that contradicts folders": {
    make: table("labels.csv", `id,label\n${rows((i) => `${i},${label(i)}`)}`, "more/x.png"),
    says: 'Cannot use data "DIR": "labels.csv" says "cat" of "0", which lies in "train"',
    hint: /^Put all images into one folder/,
  },
  "a table of other files": {
    make: table("train.csv", `id,label\n${rows((i) => `x${i},${label(i)}`)}`),
    says: 'Cannot use "DIR/train.csv": 8 of 8 rows have no image or no label: "x0"',
    hint: /^Put the images below the folder of the table/,
  },
  "a name that is there in two folders": {
    make: table("labels.csv", `file,label\n${rows((i) => `${i},${label(i)}`)}\n9,cat`, "a/x/9.png", "a/y/9.png"),
    says: 'Cannot use "DIR/labels.csv": "9" may be "a/x/9.png", "a/y/9.png"',
    hint: /^Give the path of each file/,
  },
  "two labels of one image": {
    make: table("train.csv", "id,label\n0,cat\n0,dog\n"),
    says: 'Cannot use "DIR/train.csv": "0" has two labels, "cat" and "dog"',
    hint: /^Give each file one label/,
  },
  "a table for training beside images to test with, of the same numbers": {
    make: async (dir) => {
      await images(dir, ...filled(["test"], 8));
      put(dir, "train.csv", `id,label\n${rows((i) => `${i},${label(i)}`)}`);
    },
    says: 'Cannot use "DIR/train.csv": 8 of 8 rows have no image or no label: "0"',
    hint: /^Put the images below the folder of the table/,
  },
  "a path without an ending, of two files": {
    make: table("train.csv", `id,label\n${rows((i) => `train/${i},${label(i)}`)}`, "train/0.jpg"),
    says: 'Cannot use "DIR/train.csv": "train/0" may be "train/0.jpg", "train/0.png"',
    hint: /^Give the path of each file/,
  },
  "an image in two parts": {
    make: async (dir) => {
      await table("train.csv", `id,label\n${rows((i) => `${i},${label(i)}`)}`)(dir);
      put(dir, "test.csv", "id,label\n6,cat\n7,dog\n");
    },
    says: 'Cannot use data "DIR": "train/6.png" is in the test part and in the train part',
    hint: /^Let each image be in one part only/,
  },
  "a column that says the part of some rows": {
    make: table("all.csv", `file,label,split\n${rows((i) => `${i}.png,${label(i)},${["train", "test", ""][i % 3]}`)}`),
    says: 'Cannot use "DIR/all.csv": its column "split" says "", which is no part',
    hint: /^Let it say train, val or test in each row/,
  },
  "two tables of one part": {
    make: async (dir) => {
      await table("train.csv", `id,label\n${rows((i) => `${i},${label(i)}`)}`)(dir);
      put(dir, "labels.csv", `id,label\n${rows((i) => `${i},${label(i)}`)}`);
    },
    says: 'Cannot use data "DIR": both "labels.csv" and "train.csv" say the classes of the train part',
    hint: /^Leave the one that is right/,
  },
  "a table with a row that is cut off": {
    make: table("train.csv", 'id,label\n0,cat\n1\n"2'),
    says: 'Cannot read "DIR/train.csv": ',
    hint: /^Give it a column of file names/,
  },
  "JSON that is cut off": {
    make: table("train.json", '[{"file": "0.png"'),
    says: 'Cannot read "DIR/train.json": it is not JSON',
    hint: /^Give it a column of file names/,
  },
  "a table of pixels": {
    make: (dir) => put(dir, "train.csv", "label,pixel0,pixel1\n1,0,255\n"),
    says: 'Cannot use data "DIR": "train.csv" is a table without a column of files and one of labels',
    hint: /^Name the columns/,
  },
  ...Object.fromEntries(
    (
      [
        ["CIFAR-10 for Python", "cifar-10-batches-py/data_batch_1", /binary version of CIFAR-10/],
        ["CIFAR-100 for Python", "cifar-100-python/train", /binary version of CIFAR-100/],
        ["an archive", "images.zip", /^Unpack it/],
        ["arrays of another program", "mnist.npz", /^Write the images as files/],
      ] as const
    ).map(([what, name, hint]): [string, Wrong] => [
      what,
      {
        make: (dir) => put(dir, name, "x"),
        says: `is ${what}`,
        hint,
      },
    ]),
  ),
};

test.each(Object.entries(wrongs))(
  "%s: the mistake and its mend are named, and nobody is told to remove data",
  async (_, { make, says, hint }) => {
    using folder = scratch();
    const dir = join(folder.dir, "data");
    mkdirSync(dir);
    await make(dir);
    const error: unknown = await load(dir, join(folder.dir, "cache")).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MnasError);
    expect(error).toMatchObject({
      code: "DATA_INVALID",
      message: expect.stringContaining(says.replaceAll("DIR", dir)),
    });
    expect((error as MnasError).hint).toMatch(hint);
    expect((error as MnasError).hint).not.toMatch(/remove|delete/i);
  },
);

test("all folders of a part that differ in case alone from a class are of it", async () => {
  using folder = scratch();
  await parted("train")(folder.dir);
  await images(folder.dir, ...filled(["test/Cat", "test/cAt", "test/dog"], 2));
  const data = await load(folder.dir, join(folder.dir, "cache"));
  expect({ counts: counts(data), warnings: data.warnings }).toEqual({
    counts: [6, 2, 6],
    warnings: ["Cat", "cAt"].map((name) => `class "${name}" of the test part is taken for "cat" of the train part`),
  });
});

/** Changes to two classes of six images in a train and a test part, and what is said of them. */
const classChanges: Readonly<Record<string, Layout>> = {
  "a class that is empty everywhere": {
    make: (dir) => mkdirSync(join(dir, "train/emu"), { recursive: true }),
    counts: [10, 2, 12],
    warns: ['class "emu" has no image and is left out'],
  },
  "a class that only the test part has": {
    make: (dir) => images(dir, "test/emu/1.png"),
    counts: [10, 2, 12],
    warns: ['images of class "emu" in the test part are left out: the train part has none, so they cannot be learnt'],
  },
  "a class that the test part lacks": {
    make: (dir) => images(dir, ...filled(["train/emu"], 4)),
    classes: ["cat", "dog", "emu"],
    counts: [13, 3, 12],
    warns: ['the test part has no image of class "emu": its accuracy says nothing of them'],
  },
  "a class of one image": {
    make: (dir) => images(dir, "train/emu/1.png", "test/emu/1.png"),
    classes: ["cat", "dog", "emu"],
    counts: [11, 2, 13],
    warns: ['class "emu" has fewer than 2 images, too few for each part: accuracy says little or nothing of it'],
  },
  "a class in another case": {
    make: (dir) => images(dir, ...filled(["train/Emu"], 4), "test/emu/1.png"),
    classes: ["Emu", "cat", "dog"],
    counts: [13, 3, 13],
    warns: ['class "emu" of the test part is taken for "Emu" of the train part'],
  },
  "classes that differ in case only": {
    make: (dir) => images(dir, ...filled(["train/Cat", "test/Cat"], 3)),
    classes: ["Cat", "cat", "dog"],
    counts: [12, 3, 15],
    warns: ['classes "Cat", "cat" differ only in upper and lower case'],
  },
  "a class that is composed in one part and decomposed in the other": {
    make: (dir) => images(dir, ...filled(["train/e\u0301mu"], 4), "test/\u00e9mu/1.png"),
    classes: ["cat", "dog", "\u00e9mu"],
    counts: [13, 3, 13],
  },
  "a class that is there composed and decomposed": {
    make: (dir) => images(dir, ...filled(["train/e\u0301mu", "train/\u00e9mu"], 2), "test/\u00e9mu/1.png"),
    classes: ["cat", "dog", "\u00e9mu"],
    counts: [13, 3, 13],
  },
  "files of tools and systems": {
    make: (dir) => {
      for (const name of ["Thumbs.db", "thumbs.DB", "desktop.ini", ".DS_Store", "._0.png", "0.png~", "Icon\r"])
        put(dir, `train/cat/${name}`, "x");
      for (const name of ["@eaDir", "lost+found", "__pycache__", ".ipynb_checkpoints", "__MACOSX", "$RECYCLE.BIN"])
        for (const at of ["", "train/", "train/cat/", "test/"]) put(dir, `${at}${name}/0.png`, "x");
    },
    counts: [10, 2, 12],
  },
  "other files in a class": {
    make: (dir) => {
      put(dir, "train/cat/labels.csv", "file,label\n0.png,cat\n");
      put(dir, "test/dog/notes.txt", "good dog");
    },
    counts: [10, 2, 12],
    warns: ['2 files are no images and are not used: "DIR/train/cat/labels.csv", "DIR/test/dog/notes.txt"'],
  },
};

test.each(Object.entries(classChanges))(
  "%s: said, and the rest is used",
  async (_, { make, classes = ["cat", "dog"], counts: expected, warns = [] }) => {
    using folder = scratch();
    const dir = join(folder.dir, "data");
    await images(dir, ...filled(["train/cat", "train/dog", "test/cat", "test/dog"], 6));
    const { key } = await load(dir, join(folder.dir, "cache"));
    await make(dir);
    const data = await load(dir, join(folder.dir, "cache"));
    expect({ classes: data.classes, counts: counts(data), warnings: data.warnings }).toEqual({
      classes,
      counts: expected,
      warnings: warns.map((text) => text.replaceAll("DIR", dir)),
    });
    for (const part of partNames) {
      const { labels } = data[part];
      expect(labels.every((value) => value >= 0 && value < classes.length)).toBe(true);
    }
    // Litter changes nothing.
    if (warns.length === 0 && classes.length === 2) expect(data.key).toBe(key);
  },
);

test("names that are composed or decomposed give one key", async () => {
  using folder = scratch();
  const names = ["\u00e9", "z", "o\u0308"];
  const keys: string[] = [];
  for (const [i, form] of ["NFC", "NFD"].entries()) {
    for (const mostInMemory of [2 ** 30, 0]) {
      const dir = join(folder.dir, `${i}`);
      for (const name of names)
        for (const file of ["\u00e4.png", "b.png", "\u00fc.png"])
          await picture(dir, `${name}/${file}`.normalize(form), { width: 8 + names.indexOf(name), height: 9 });
      const data = await loadDataset(dir, { seed: 1, size: 8, cacheDir: join(folder.dir, "cache"), mostInMemory });
      keys.push(`${data.classes.join()} ${data.key}`);
    }
  }
  expect([keys[0], keys[1]]).toEqual([keys[2], keys[3]]);
});

test.skipIf(process.platform !== "linux")("names that are not UTF-8 are read as the bytes that they are", async () => {
  using folder = scratch();
  await images(folder.dir, ...filled(["data/dog"], 4));
  const bytes = (text: string): Buffer => Buffer.from(join(folder.dir, text), "latin1");
  mkdirSync(bytes("data/caf\xe9"));
  for (let i = 0; i < 4; i++) writeFileSync(bytes(`data/caf\xe9/\xfc${i}.png`), await small);
  const dir = join(folder.dir, "data");
  for (const mostInMemory of [2 ** 30, 0]) {
    const data = await loadDataset(dir, { seed: 1, size: 8, cacheDir: join(folder.dir, "cache"), mostInMemory });
    expect([data.classes, counts(data), data.warnings]).toEqual([["café", "dog"], [4, 2, 2], []]);
  }
});

test("peek() refuses a folder that it cannot read as listFolder() does", () => {
  using folder = scratch();
  const gone = join(folder.dir, "gone");
  for (const look of [peek, listFolder])
    expect(() => look(gone)).toThrow(
      expect.objectContaining({ code: "DATA_NOT_FOUND", message: `Cannot read data "${gone}": no such folder` }),
    );
});

test("mnas train says what it makes of data, on the terminal and in JSON, and refuses it with --strict-data", async () => {
  using folder = scratch();
  await parted("photos/seg_train", "photos/seg_test")(folder.dir);
  put(folder.dir, "photos/seg_train/cat/bad.jpg", "");
  const network = "in8x8x3 stem8_k3_s22 r1_k3_s11_e3_i8_o8_noskip head0 classes2";
  const train = [..."train --recipe proxy --epochs 1 --workers 1".split(" "), "--data", folder.dir, network];
  const environment = { MNAS_CACHE_DIR: join(folder.dir, ".cache") };
  const [plain, json, strict] = await Promise.all(
    [[], ["--json"], ["--strict-data"]].map((more) => start([...train, ...more], folder.dir, environment).ended),
  );
  const said = [
    `the data are read from "${join(folder.dir, "photos")}"`,
    `1 of 13 images cannot be decoded and is left out: "${join(folder.dir, "photos/seg_train/cat/bad.jpg")}": it is empty`,
  ];
  expect([plain!.code, json!.code, strict!.code]).toEqual([0, 0, 2]);
  for (const message of said) {
    expect(plain!.stderr).toContain(`warning: ${message}\n`);
    expect(json!.stdout).toContain(JSON.stringify({ event: "warning", message }));
  }
  expect(strict!.stderr).toContain("1 of 13 images cannot be decoded, more than 0 %");
});
