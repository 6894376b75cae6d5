const isWindows = process.platform === "win32";

/** Letters, digits and signs that mean nothing to a shell; a number sign means nothing within a word. */
const plain = isWindows
  ? /^[\p{L}\p{N}\\./:_@+-][\p{L}\p{N}\\./:_@+#-]*$/u
  : /^[\p{L}\p{N}./:_@%+,-][\p{L}\p{N}./:_@%+,#-]*$/u;

/** A word as a shell reads it back: quoted where it must be. */
export const shellWord = (word: string): string =>
  plain.test(word) ? word : isWindows ? `"${word}"` : `'${word.replaceAll("'", String.raw`'\''`)}'`;
