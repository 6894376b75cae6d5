import type { Region, Size } from "./augment.ts";
import type { Dataset } from "./dataset.ts";

/** A decoded picture: rows, columns, channels from `offset` on, 0..255. */
interface Picture extends Size {
  readonly pixels: Uint8Array;
  readonly channels: number;
}

/** For each of `count` px along one side of the result: the two px of the source that it lies between, and where. */
function neighbours(start: number, length: number, count: number, stride: number) {
  const first = new Uint32Array(count);
  const second = new Uint32Array(count);
  const share = new Float64Array(count);
  const last = start + length - 1;
  for (let i = 0; i < count; i++) {
    // Centres of px lie on centres, and nothing outside of the region is seen.
    const at = Math.max(start, Math.min(last, start + ((i + 0.5) * length) / count - 0.5));
    const before = Math.floor(at);
    first[i] = before * stride;
    second[i] = Math.min(Math.ceil(last), before + 1) * stride;
    share[i] = at - before;
  }
  return { first, second, share };
}

/**
 * Writes a region of a picture, normalised, at another size: bilinear interpolation of the four px around, without
 * smoothing, so pictures should not be much larger than the result.
 */
export function resample(
  { pixels, width, channels }: Picture,
  source: number,
  region: Region,
  isFlipped: boolean,
  out: Float32Array,
  target: number,
  size: Size,
  { mean, deviation }: Pick<Dataset, "mean" | "deviation">,
): void {
  const rows = neighbours(region.top, region.height, size.height, width * channels);
  const columns = neighbours(region.left, region.width, size.width, channels);
  const scale = deviation.map((value) => 1 / (255 * value));
  const shift = deviation.map((value, c) => mean[c]! / value);
  let to = target;
  for (let y = 0; y < size.height; y++) {
    const upper = source + rows.first[y]!;
    const lower = source + rows.second[y]!;
    const down = rows.share[y]!;
    for (let i = 0; i < size.width; i++) {
      const x = isFlipped ? size.width - 1 - i : i;
      const left = columns.first[x]!;
      const right = columns.second[x]!;
      const across = columns.share[x]!;
      for (let c = 0; c < channels; c++) {
        const a = pixels[upper + left + c]!;
        const b = pixels[lower + left + c]!;
        const above = a + (pixels[upper + right + c]! - a) * across;
        const below = b + (pixels[lower + right + c]! - b) * across;
        out[to++] = (above + (below - above) * down) * scale[c]! - shift[c]!;
      }
    }
  }
}
