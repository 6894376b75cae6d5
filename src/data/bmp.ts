import { decode } from "@cwasm/nsbmp";

/** Pixels that are decoded at most, as for other formats. */
const mostPixels = 0x3fff * 0x3fff;

/** Red, green, blue and opacity of each pixel, from the top, of a BMP file. Throws Error for a damaged one. */
export function decodeBmp(bytes: Buffer): { readonly data: Buffer; readonly width: number; readonly height: number } {
  if (bytes.length < 26) throw new Error("its header is cut off");
  const isOld = bytes.readUInt32LE(14) === 12;
  const wide = isOld ? bytes.readUInt16LE(18) : bytes.readInt32LE(18);
  const high = isOld ? bytes.readUInt16LE(20) : bytes.readInt32LE(22);
  if (Math.abs(wide * high) > mostPixels) throw new Error(`it is too large: ${wide}×${Math.abs(high)}`);
  const { data, width, height } = decode(bytes);
  return { data: Buffer.from(data.buffer, data.byteOffset, data.byteLength), width, height };
}
