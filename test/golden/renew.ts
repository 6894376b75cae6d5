/* Writes goldens.json anew and prints each text that changed. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { goldens } from "./all.ts";
import { goldenFile } from "./golden.ts";

type Texts = Record<string, Record<string, string>>;

const before: Texts = existsSync(goldenFile) ? (JSON.parse(readFileSync(goldenFile, "utf8")) as Texts) : {};
const after: Texts = {};
for (const [name, golden] of Object.entries(goldens)) after[name] = { ...(await golden()) };

let changes = 0;
for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
  const [old, now] = [before[name] ?? {}, after[name] ?? {}];
  for (const text of new Set([...Object.keys(old), ...Object.keys(now)])) {
    if (old[text] === now[text]) continue;
    changes++;
    console.log(`${name}: ${text}\n  - ${old[text] ?? "none"}\n  + ${now[text] ?? "none"}`);
  }
}
writeFileSync(goldenFile, `${JSON.stringify(after, null, 2)}\n`);
console.log(changes === 0 ? "all goldens are as they were" : `${changes} changed`);
