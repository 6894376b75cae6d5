/*
 * Names of files are bytes to Linux. As text, each byte that is not UTF-8 stands as a lone surrogate, U+DC00 + byte, so that
 * the bytes can be had again.
 */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decoded(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/** A name as text that keeps its bytes. */
export function textOfName(bytes: Uint8Array): string {
  const whole = decoded(bytes);
  if (whole !== null) return whole;
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = [1, 2, 3, 4].find((n) => at + n <= bytes.length && decoded(bytes.subarray(at, at + n)) !== null);
    text += length === undefined ? String.fromCharCode(0xdc00 + bytes[at]!) : decoded(bytes.subarray(at, at + length));
    at += length ?? 1;
  }
  return text;
}

/** The bytes of a name or path. */
export function bytesOfName(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  const isByte = (letter: string): boolean => !letter.isWellFormed();
  return Buffer.concat(
    Array.from(text, (letter) => (isByte(letter) ? Buffer.of(letter.charCodeAt(0) & 0xff) : Buffer.from(letter))),
  );
}

/** A path as Node's functions take it. */
export const openable = (path: string): string | Buffer => (path.isWellFormed() ? path : bytesOfName(path));

/** A name for people and files of text: composed, and bytes that are not UTF-8 taken for Latin-1. */
export const readableName = (text: string): string =>
  (text.isWellFormed()
    ? text
    : Array.from(text, (letter) =>
        letter.isWellFormed() ? letter : String.fromCharCode(letter.charCodeAt(0) & 0xff),
      ).join("")
  ).normalize();
