/** Endings of the formats that are decoded, and of those that people take for them. */
const endings = /\.(jpe?g|jpe|jfif|png|webp|gif|tiff?|bmp|dib|avif|hei[cf]|jxl|jp2|j2k|psd|ico|svg)$/i;

/** Whether a name is that of an image; its content may say otherwise. */
export const isImageName = (name: string): boolean => endings.test(name);

/** How many bytes `formatOf` looks at. */
export const magicLength = 64;

export type FormatName = "JPEG" | "PNG" | "WebP" | "GIF" | "TIFF" | "AVIF" | "BMP";

interface Format {
  readonly name: string;
  readonly isDecoded: boolean;
  /** How a file begins, in hexadecimal digits. */
  readonly begins: RegExp;
}

const decoded = (name: FormatName, begins: RegExp): Format => ({ name, begins, isDecoded: true });
const foreign = (name: string, begins: RegExp): Format => ({ name, begins, isDecoded: false });

const formats: readonly Format[] = [
  decoded("JPEG", /^ffd8/),
  decoded("PNG", /^89504e470d0a1a0a/),
  // RIFF….WEBP
  decoded("WebP", /^52494646.{8}57454250/),
  // GIF87a and GIF89a
  decoded("GIF", /^47494638(37|39)61/),
  decoded("TIFF", /^(49492[ab]00|4d4d002[ab])/),
  // A box ftyp of the brand avif or avis, or of mif1 or msf1 that is compatible with avif.
  decoded("AVIF", /^.{8}66747970(617669(66|73)|6d(6966|7366)31(.{8})*61766966)/),
  // BM, and the size of a header.
  decoded("BMP", /^424d.{24}(0[c-f]|[1-9a-f].)000000/),
  // The same box with heic, hevc and the like.
  foreign("HEIC", /^.{8}66747970(686569|686576|6d696631|6d736631)/),
  foreign("JPEG XL", /^(ff0a|0000000c4a584c20)/),
  foreign("JPEG 2000", /^(0000000c6a502020|ff4fff51)/),
  // 8BPS
  foreign("a Photoshop file", /^38425053/),
  foreign("an icon", /^00000100/),
  // %PDF
  foreign("a PDF document", /^25504446/),
];

/** Texts that people take for images. */
const texts: readonly (readonly [name: string, begins: RegExp])[] = [
  ["a drawing in SVG", /^\ufeff?\s*(<\?xml[^>]*>\s*)?<svg/i],
  ["a web page", /^\ufeff?\s*<(!doctype html|html)/i],
  ["a Git LFS pointer", /^version https:\/\/git-lfs/],
];

const headOf = (bytes: Buffer): string => bytes.toString("hex", 0, magicLength);

/**
 * The format of a file that is decoded, by its first bytes, whatever it is called.
 *
 * @throws Error saying what the file is instead.
 */
export function formatOf(bytes: Buffer): FormatName {
  if (bytes.length === 0) throw new Error("it is empty");
  const head = headOf(bytes);
  const found = formats.find(({ begins }) => begins.test(head));
  if (found?.isDecoded === true) return found.name as FormatName;
  const start = bytes.toString("utf8", 0, magicLength);
  const name = found?.name ?? texts.find(([, begins]) => begins.test(start))?.[0];
  throw new Error(
    name === undefined ? "it is no image" : `it is ${name}, which mnas does not decode; convert it to JPEG or PNG`,
  );
}

/** Whether a file begins like an image that is decoded. */
export function looksLikeImage(bytes: Buffer): boolean {
  const head = headOf(bytes);
  return formats.some(({ begins, isDecoded }) => isDecoded && begins.test(head));
}

const isDeepPng = (bytes: Buffer): boolean => bytes[24] === 16;

/** Whether the values of an image may have more than 8 bits; for TIFF and AVIF only its header says it. */
export function mayBeDeep(bytes: Buffer): boolean {
  const format = formatOf(bytes);
  return format === "PNG" ? isDeepPng(bytes) : format === "TIFF" || format === "AVIF";
}
