import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

/** Texts by name that only a change of behaviour changes. */
export type Golden = () => Promise<Readonly<Record<string, string>>>;

/** The first 24 digits of SHA-256 over all parts. */
export function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex").slice(0, 24);
}

/** The file that holds the texts of all goldens. */
export const goldenFile = fileURLToPath(new URL("goldens.json", import.meta.url));
