/** A key of one part says nothing of other networks. */
const several = (parts: string[]): string[] | null => (parts.length > 1 ? parts : null);

/** Ways to split keys into parts that may differ. Delimiters are parts as well, so that all parts make the key. */
const splitters: readonly ((key: string) => string[] | null)[] = [
  // The digits of `02012100`.
  (key) => (/^\w+$/.test(key) ? key.split("") : null),
  // Words and numbers of a notation.
  (key) => several(key.split(/(?<=[\s_x])|(?=[\s_x])/)),
  // Lists, and edges of a cell such as `|none~0|+|skip_connect~0|nor_conv_3x3~1|`.
  (key) => several(key.split(/(?<=[\s|+,;:/[\]()])|(?=[\s|+,;:/[\]()])/)),
  (key) => several(key.split(/(?<=\s)|(?=\s)/)),
];

/** Splits each key into as many parts: in the finest way in which all have as many. Null when there is none. */
export function splitKeys(keys: readonly string[]): string[][] | null {
  for (const split of splitters) {
    const parts = keys.map(split);
    if (parts.every((one) => one !== null && one.length === parts[0]!.length)) return parts as string[][];
  }
  return null;
}
