import type { Failure } from "./decode.ts";

/** An image that is left out. */
export type Damage = Pick<Failure, "file" | "reason">;

let listener = (damage: Damage): void => process.emitWarning(describeDamage(damage), { type: "DamagedImage" });
const told = new Set<string>();

export const describeDamage = ({ file, reason }: Damage): string =>
  `"${file}" cannot be decoded and is left out: ${reason}`;

/** Takes the place of warnings of the process. */
export function onDamage(listen: (damage: Damage) => void): void {
  listener = listen;
}

/** Says that a file is left out, once. */
export function tellDamage(damage: Damage): void {
  if (told.has(damage.file)) return;
  told.add(damage.file);
  listener(damage);
}
