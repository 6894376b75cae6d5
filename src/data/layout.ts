import { join } from "node:path";
import { readableName } from "../util/names.ts";
import { indexFiles, type ClassFiles, type FileIndex } from "./file-index.ts";
import { isImageName } from "./formats.ts";
import { caseConflicts, firstFive, layout, refuse, type FoundFiles } from "./found.ts";
import { invalid, partNames, type PartName } from "./images.ts";
import { isImageFile, listFolder, peek, type Listing } from "./listing.ts";
import { partsOf } from "./part-names.ts";

/** Names of folders that say nothing but that there are images in them. */
const isPlainName = (name: string): boolean => /^(images?|imgs?|pictures?|photos?|data|jpe?g|png)$/i.test(name);

/** The folder in a folder that holds nothing else, as `train/train` and `cat/images`. */
export function unwrap(listing: Listing): Listing {
  const { dir, files, folders } = listing;
  const [only] = folders;
  if (only === undefined || folders.length > 1 || files.some((file) => isImageFile(join(dir, file)))) return listing;
  const isSame = only.toLowerCase() === dir.split(/[\\/]/).at(-1)!.toLowerCase();
  const isPart = partsOf([only])[0] !== null;
  return isSame || isPart || isPlainName(only) ? unwrap(listFolder(join(dir, only))) : listing;
}

/** Things met on the way that are not used. */
interface Strays {
  /** Files that are no images. */
  readonly others: string[];
  readonly warnings: string[];
}

/** The images of a class folder. */
function listClass(dir: string, { others }: Strays): ClassFiles {
  const listing = listFolder(dir);
  const names: string[] = [];
  for (const file of listing.files) {
    if (isImageName(file) || isImageFile(join(dir, file))) names.push(file);
    else others.push(join(dir, file));
  }
  const [folder] = listing.folders;
  if (folder === undefined) return { dir, names };
  if (names.length === 0 && listing.folders.length === 1 && isPlainName(folder))
    return listClass(join(dir, folder), { others, warnings: [] });
  const isPart = partsOf(listing.folders).some((part) => part !== null);
  throw invalid(
    `Cannot use "${join(dir, folder)}": it is a folder inside a class`,
    isPart ? "Put the parts above the classes, as DIR/train/class/ and DIR/test/class/." : layout,
  );
}

/** The folders of one part by the class that they are of; most classes have one. */
type ClassFolders = ReadonlyMap<string, readonly string[]>;

/** Folders whose names are the same but for how letters are composed are one class. */
const byClass = (folders: readonly string[]): ClassFolders => Map.groupBy(folders, readableName);

function indexPart(dir: string, classes: readonly string[], folders: ClassFolders, strays: Strays): FileIndex {
  return indexFiles(
    classes.values().map((name): ClassFiles => {
      const [first = name, ...more] = folders.get(name) ?? [];
      if (!folders.has(name)) return { dir: join(dir, name), names: [] };
      if (more.length === 0) return listClass(join(dir, first), strays);
      const names = [first, ...more].flatMap((folder) =>
        listClass(join(dir, folder), strays).names.map((file) => `${folder}/${file}`),
      );
      return { dir, names };
    }),
  );
}

/** Gives classes the names that they have in the train part, when they differ in case only. */
function matchCase(part: PartName, folders: ClassFolders, trained: ReadonlySet<string>, strays: Strays): ClassFolders {
  const lower = Map.groupBy(trained, (name) => name.toLowerCase());
  const matched = new Map<string, readonly string[]>();
  for (const [name, dirs] of folders) {
    const same = trained.has(name) ? [] : (lower.get(name.toLowerCase()) ?? []);
    const [twin] = same;
    if (twin === undefined || same.length > 1 || folders.has(twin)) {
      matched.set(name, dirs);
      continue;
    }
    strays.warnings.push(`class "${name}" of the ${part} part is taken for "${twin}" of the train part`);
    matched.set(twin, [...(matched.get(twin) ?? []), ...dirs]);
  }
  return matched;
}

/** Refuses images that lie beside the folders of classes. */
function refuseLoose({ dir, files }: Listing): void {
  const image = files.find((file) => isImageFile(join(dir, file)));
  if (image !== undefined) throw invalid(`Cannot use "${join(dir, image)}": it lies in no class folder`, layout);
}

/** Whether the folders are parts of a data set, and not classes. A class may be called "train"; it holds images. */
export function isSplit({ dir, folders }: Listing): boolean {
  const parts = partsOf(folders);
  if (parts.every((part) => part !== null) && new Set(parts).size > 1) return true;
  return folders.some((name, i) => parts[i] === "train" && peek(join(dir, name)).hasFolders);
}

/** The folder of each part. */
function findParts(listing: Listing, { warnings }: Strays): Partial<Record<PartName, Listing>> {
  refuseLoose(listing);
  if (!isSplit(listing)) return { train: listing };
  const found = partsOf(listing.folders);
  const parts: Partial<Record<PartName, Listing>> = {};
  listing.folders.forEach((name, i) => {
    const folder = unwrap(listFolder(join(listing.dir, name)));
    const part = found[i]!;
    const isUnlabelled = folder.folders.length === 0;
    if (part === null) {
      if (folder.folders.length > 1)
        refuse(
          join(listing.dir, name),
          "beside train there may be val and test only",
          "Name it val or test, or move it out of DIR.",
        );
      warnings.push(`"${join(listing.dir, name)}" is no part of the data and is not used`);
      return;
    }
    if (parts[part] !== undefined) refuse(join(listing.dir, name), `there are two folders of the ${part} part`);
    if (!isUnlabelled) {
      refuseLoose(folder);
      if (/eval/i.test(name)) warnings.push(`"${folder.dir}" is taken for the ${part} part`);
      parts[part] = folder;
    } else if (part !== "train") {
      const isEmpty = folder.files.length === 0;
      warnings.push(
        `"${folder.dir}" ${isEmpty ? "is empty" : "has no folders of classes, so that its images are not used"}: the ${part} part is cut from the train part`,
      );
    }
  });
  if (parts.train === undefined) {
    const unlabelled = listing.folders.find((_, i) => found[i] === "train");
    if (unlabelled === undefined) refuse(listing.dir, "it has no train part");
    refuse(join(listing.dir, unlabelled!), "its images lie in no class folder");
  }
  return parts;
}

function warnOfOthers({ others, warnings }: Strays): void {
  if (others.length === 0) return;
  const are = others.length === 1 ? "1 file is no image and is" : `${others.length} files are no images and are`;
  warnings.push(`${are} not used: ${firstFive(others)}`);
}

/**
 * A folder for each class, perhaps below folders of parts.
 *
 * @throws MnasError `DATA_INVALID` naming the file or folder that is wrong.
 */
export function findClassFolders(listing: Listing): FoundFiles {
  const strays: Strays = { others: [], warnings: [] };
  const parts = findParts(listing, strays);
  const trained = byClass(parts.train!.folders);
  const names = new Set(trained.keys());
  const folders = partNames.flatMap((part) => {
    const found = parts[part];
    if (found === undefined) return [];
    return [
      [part, found.dir, part === "train" ? trained : matchCase(part, byClass(found.folders), names, strays)] as const,
    ];
  });
  const strange = new Set(folders.flatMap(([, , classes]) => [...classes.keys()].filter((name) => !names.has(name))));
  // Sorted as the folders are, so that how letters are composed changes nothing.
  const classes = [...names.keys().toArray().toSorted(), ...[...strange].toSorted()];
  strays.warnings.push(...caseConflicts(classes));
  const files = Object.fromEntries(folders.map(([part, dir, some]) => [part, indexPart(dir, classes, some, strays)]));
  warnOfOthers(strays);
  return { classes, files, warnings: strays.warnings };
}
