import type { Images } from "./images.ts";

/** What answering with the commonest class every time would score. */
interface Guess {
  /** Share of correct answers, 0..1. */
  readonly accuracy: number;
  /** Two standard errors above it: an accuracy up to here may be a guess as well. */
  readonly limit: number;
}

function guessOf({ labels, count }: Pick<Images, "labels" | "count">): Guess {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const accuracy = Math.max(...counts.values()) / count;
  return { accuracy, limit: accuracy + 2 * Math.sqrt((accuracy * (1 - accuracy)) / count) };
}

/** A sentence for when nothing was learnt; null when something was, or there is nothing to say. */
export function guessWarning(best: number | null, images: Pick<Images, "labels" | "count">): string | null {
  const { accuracy, limit } = guessOf(images);
  if (best === null || best > limit) return null;
  const share = (value: number): string => `${(100 * value).toFixed(1)} %`;
  return (
    `an accuracy of ${share(best)} on ${images.count} validation images may be chance, like that of always answering ` +
    `with the commonest class (${share(accuracy)}): train longer, or give more images`
  );
}
