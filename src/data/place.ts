import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { MnasError } from "../errors.ts";
import { embeddedName } from "./embedded.ts";

/** A name for the embedded data, also where a folder has their usual one. */
const embeddedPlace = `embedded:${embeddedName}`;

/**
 * The place of data that a user names: an absolute path, or `embeddedName`. It means the same from every folder.
 *
 * @throws MnasError `USAGE` for the name of the embedded data where a folder has that name too.
 */
export function dataPlace(text: string): string {
  if (text === embeddedPlace) return embeddedName;
  if (text !== embeddedName) return resolve(text);
  if (existsSync(text)) {
    throw new MnasError("USAGE", `Cannot tell which data "${text}" means: the embedded ones, or "${resolve(text)}"`, {
      hint: `Use ${embeddedPlace} for the embedded data, or ./${text} for the folder.`,
    });
  }
  return text;
}

/** A place as a user can name it in every folder. */
export const spellingOf = (place: string): string => (place === embeddedName ? embeddedPlace : place);
