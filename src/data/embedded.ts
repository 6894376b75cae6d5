import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { readFile } from "../util/files.ts";
import type { RawData } from "./images.ts";
import { decodePack } from "./pack.ts";

/** Name of the data set that comes with the package. */
export const embeddedName = "fashion-mnist";

const file = fileURLToPath(new URL("../../assets/fashion-mnist.pack.br", import.meta.url));

/** 8,000 training and 2,000 test images of Fashion-MNIST (https://arxiv.org/abs/1708.07747), evenly over its classes. */
export function readEmbedded(): RawData {
  const pack = decodePack(brotliDecompressSync(readFile(file)));
  if (pack === null) throw new Error(`internal: ${file} is damaged`);
  return pack.data;
}
