const isWindows = process.platform === "win32";

/** Letters, digits and signs that mean nothing to a shell; a number sign means nothing within a word. */
const plain = isWindows
  ? /^[\p{L}\p{N}\\./:_@+-][\p{L}\p{N}\\./:_@+#-]*$/u
  : /^[\p{L}\p{N}./:_@%+,-][\p{L}\p{N}./:_@%+,#-]*$/u;

/** A word as a shell reads it back: quoted where it must be. */
export const shellWord = (word: string): string =>
  plain.test(word) ? word : isWindows ? `"${word}"` : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/**
 * The words of a command line, as a shell splits it at spaces; quotation marks hold a word together, and a backslash
 * takes the next sign as it is (on Windows it is itself). No variables, no patterns. Null when a mark is not closed.
 */
export function shellWords(line: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let mark = "";
  for (let i = 0; i < line.length; i++) {
    const sign = line[i]!;
    if (mark === "" && /\s/.test(sign)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (mark === "" ? sign === '"' || sign === "'" : sign === mark) {
      mark = mark === "" ? sign : "";
      word ??= "";
    } else if (sign === "\\" && mark !== "'" && !isWindows && i + 1 < line.length) word = (word ?? "") + line[++i]!;
    else word = (word ?? "") + sign;
  }
  if (word !== null) words.push(word);
  return mark === "" ? words : null;
}
