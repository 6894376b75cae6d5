/*
 * Makes assets/fashion-mnist.pack.br from the four files of Fashion-MNIST (https://github.com/zalandoresearch/fashion-mnist;
 * Debian has them in the package dataset-fashion-mnist):
 *
 *     node scripts/make-fashion-mnist.ts /usr/share/datasets/fashion-mnist
 */
import { brotliCompressSync, constants } from "node:zlib";
import { listFolder } from "../src/data/listing.ts";
import { readIdxFolder } from "../src/data/idx.ts";
import type { Images } from "../src/data/images.ts";
import { encodePack } from "../src/data/pack.ts";
import { copyImages, heldImages } from "../src/data/source.ts";
import { writeFileAtomically } from "../src/util/files.ts";

const classes = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];

/** The first images of each class, in the order of the file. */
function firstOfEach(images: Images, perClass: number): Images {
  const seen = Array<number>(classes.length).fill(0);
  const indices = [...images.labels.keys()].filter((i) => seen[images.labels[i]!]!++ < perClass);
  return copyImages(heldImages(images), Uint32Array.from(indices));
}

const [dir] = process.argv.slice(2);
if (dir === undefined) throw new Error("Say where the four IDX files are");
const { train, test } = readIdxFolder(listFolder(dir));
if (test === null) throw new Error(`${dir} has no test part`);
const pack = Buffer.concat(
  encodePack(
    { classes, train: firstOfEach(train, 800), validation: null, test: firstOfEach(test, 200) },
    "make-fashion-mnist",
  ),
);
const packed = brotliCompressSync(pack, {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: pack.length,
  },
});
const file = new URL("../assets/fashion-mnist.pack.br", import.meta.url).pathname;
writeFileAtomically(file, packed);
process.stdout.write(`${file}: ${pack.length} bytes, ${packed.length} packed\n`);
