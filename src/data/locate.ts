import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { hasCifar } from "./cifar.ts";
import { firstFive, refuse } from "./found.ts";
import { hasIdx } from "./idx.ts";
import { isImageFile, listFolder, peek, type Listing } from "./listing.ts";
import { labelTables } from "./label-table.ts";
import { isSplit, unwrap } from "./layout.ts";
import { partsOf } from "./part-names.ts";

/** How data lie in a folder. */
export type Kind = "idx" | "cifar" | "folders" | "table";

const isInside = (dir: string, names: readonly string[], holds: (at: string) => boolean): boolean =>
  names.some((name) => holds(join(dir, name)));

/** Folders of classes, in parts or not. A single folder of images may be anything. */
function hasClassFolders(listing: Listing): boolean {
  const { dir, folders } = listing;
  if (isSplit(listing)) {
    const parts = partsOf(folders);
    return folders.some((name, i) => parts[i] === "train" && unwrap(listFolder(join(dir, name))).folders.length > 0);
  }
  const first = folders.findIndex((name) => peek(join(dir, name)).hasImages);
  return first >= 0 && isInside(dir, folders.slice(first + 1), (at) => peek(at).hasImages);
}

function kindOf(listing: Listing): Kind | null {
  if (hasIdx(listing)) return "idx";
  if (hasCifar(listing)) return "cifar";
  if (hasClassFolders(listing)) return "folders";
  return labelTables(listing).length > 0 ? "table" : null;
}

/** Levels below the named folder at which data are looked for, and folders that are looked into at each. */
const [deepest, widest] = [3, 50];

function findBelow({ dir, folders }: Listing, depth = 1): { readonly listing: Listing; readonly kind: Kind }[] {
  return folders.slice(0, widest).flatMap((name) => {
    const listing = listFolder(join(dir, name));
    const kind = kindOf(listing);
    if (kind !== null) return [{ listing, kind }];
    return depth < deepest ? findBelow(listing, depth + 1) : [];
  });
}

/** Data in forms that are not read, and where to get them in one that is. */
const unread: readonly (readonly [names: RegExp, what: string, hint: string])[] = [
  [
    /^(data_batch_\d|test_batch|batches\.meta)$/,
    "CIFAR-10 for Python",
    "Get the binary version of CIFAR-10 (cifar-10-binary.tar.gz).",
  ],
  [/^(train|test|meta)$/, "CIFAR-100 for Python", "Get the binary version of CIFAR-100 (cifar-100-binary.tar.gz)."],
  [/\.(zip|tar|tgz|tar\.\w+|rar|7z)$/i, "an archive", "Unpack it and name the folder that comes out."],
  [
    /\.(npz|npy|mat|h5|hdf5|pkl|pickle|pt|parquet|arrow|tfrecords?|lmdb|mdb|rec)$/i,
    "arrays of another program",
    "Write the images as files, in a folder for each class.",
  ],
  [
    /\.(csv|tsv|jsonl?|ndjson)$/i,
    "a table without a column of files and one of labels",
    "Name the columns file and label, and put the images below the folder.",
  ],
  [/\.(mp4|avi|mov|mkv|webm)$/i, "a film", "Write its pictures as files, in a folder for each class."],
];

function refuseUnknown({ dir, files, folders }: Listing): never {
  if (files.length + folders.length === 0) return refuse(dir, "it is empty");
  for (const [names, what, hint] of unread) {
    const file = files.find((name) => names.test(name));
    if (file !== undefined) return refuse(dir, `"${file}" is ${what}`, hint);
  }
  return refuse(
    dir,
    "it holds no images that mnas can read",
    "Name a folder with a folder of images for each class, or one of IDX files or CIFAR batches (*.bin).",
  );
}

/** A table may leave them out. */
const endings = ["", ".jpg", ".png", ".jpeg", ".JPG", ".webp", ".tif", ".bmp"];

/** Tables beside folders of classes may be of any kind, also damaged. */
function tablesOf(listing: Listing): ReturnType<typeof labelTables> {
  try {
    return labelTables(listing);
  } catch {
    return [];
  }
}

/** Refuses a table that contradicts the folders that its files lie in. */
function checkTables(listing: Listing): void {
  const { dir, folders } = listing;
  if (isSplit(listing)) return;
  for (const { name, table, columns } of tablesOf(listing)) {
    for (const row of table.rows.slice(0, 20)) {
      const [file = "", label = ""] = [row[columns.file], row[columns.label]];
      const at = (folder: string): boolean =>
        endings.some((ending) => existsSync(join(dir, folder, basename(file) + ending)));
      const folder = folders.slice(0, widest).find(at);
      if (file === "" || label === "" || folder === undefined) continue;
      if (folder === label) return;
      refuse(
        dir,
        `"${name}" says "${label}" of "${file}", which lies in "${folder}"`,
        "Put all images into one folder, so that the table says their classes, or move the table elsewhere.",
      );
    }
  }
}

/** Where the data are, if not in the named folder itself, and how they lie. Throws `DATA_INVALID`, `DATA_NOT_FOUND`. */
export function locate(dir: string): { readonly listing: Listing; readonly kind: Kind; readonly warnings: string[] } {
  const listing = listFolder(dir);
  const kind = kindOf(listing);
  if (kind !== null) {
    if (kind === "folders") checkTables(listing);
    return { listing, kind, warnings: [] };
  }
  const hasLoose = listing.files.some((file) => isImageFile(join(dir, file)));
  const below = hasLoose || isSplit(listing) ? [] : findBelow(listing);
  const [only, ...more] = below;
  if (only !== undefined && more.length === 0)
    return { ...only, warnings: [`the data are read from "${only.listing.dir}"`] };
  if (only !== undefined)
    refuse(
      dir,
      `it holds several data sets: ${firstFive(below.map((found) => found.listing.dir))}`,
      "Name one of them.",
    );
  // Their mistakes are named while they are read.
  const isHere =
    hasLoose || listing.folders.some((name) => peek(join(dir, name)).hasImages) || listing.folders.length > 1;
  if (isHere) return { listing, kind: "folders", warnings: [] };
  return refuseUnknown(
    listing.folders.length === 1 && listing.files.length === 0 ? listFolder(join(dir, listing.folders[0]!)) : listing,
  );
}
