import { invalid } from "./images.ts";

/** An image that is left out. */
export interface Damage {
  readonly file: string;
  readonly reason: string;
}

/** Damaged images that are named; of others the number is said. */
const named = 5;

/** Share of damaged images up to which the others are used. */
export const usualDamage = 0.1;

/** Whether a data set is too damaged to be used. A single image never makes it so, unless nothing may be damaged. */
export const isTooDamaged = (damaged: number, of: number, most: number): boolean =>
  (damaged === of && most < 1) || damaged > (most === 0 ? 0 : Math.max(1, most * of));

const list = (damages: readonly Damage[]): string => {
  const texts = damages.slice(0, named).map(({ file, reason }) => `"${file}": ${reason}`);
  return [...texts, ...(damages.length > named ? [`and ${damages.length - named} more`] : [])].join("; ");
};

const share = (value: number): string => `${Number((100 * value).toFixed(1))} %`;

/**
 * A sentence on images that are left out; null when none is.
 *
 * @throws MnasError `DATA_INVALID` when more than the share `most` is damaged, naming the first of them.
 */
export function checkDamage(source: string, damages: readonly Damage[], of: number, most: number): string | null {
  const damaged = damages.length;
  if (damaged === 0) return null;
  const counted = `${damaged} of ${of} images cannot be decoded`;
  if (isTooDamaged(damaged, of, most))
    throw invalid(
      `Cannot use data "${source}": ${counted}, more than ${share(most)}: ${list(damages)}`,
      damaged === of
        ? "Convert the images to JPEG or PNG."
        : "Replace what is damaged, or allow a larger share with --most-damaged.",
    );
  return `${counted} and ${damaged === 1 ? "is" : "are"} left out: ${list(damages)}`;
}

type Listener = (damage: Damage, count: number) => void;

/** Tells damaged images in words: the first five by name, then how many they are at 10, 100 and so on. */
export const inWords =
  (tell: (message: string) => void): Listener =>
  (damage, count) => {
    const message = describeDamage(damage, count);
    if (message !== null) tell(message);
  };

let listener = inWords((message) => process.emitWarning(message, { type: "DamagedImage" }));
const told = new Set<string>();

/** A sentence on the damaged image number `count` of a training; null where only the number would be new. */
function describeDamage({ file, reason }: Damage, count: number): string | null {
  if (count <= named) return `"${file}" cannot be decoded and is left out: ${reason}`;
  return Number.isInteger(Math.log10(count)) ? `${count} images so far cannot be decoded and are left out` : null;
}

/** Takes the place of warnings of the process; `count` is how many images were told, this one included. */
export function onDamage(listen: Listener): void {
  listener = listen;
}

/** Says that a file is left out, once. */
export function tellDamage(damage: Damage): void {
  if (told.has(damage.file)) return;
  told.add(damage.file);
  listener(damage, told.size);
}
