import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { goldens } from "./golden/all.ts";
import { goldenFile } from "./golden/golden.ts";

const kept = JSON.parse(readFileSync(goldenFile, "utf8")) as Record<string, unknown>;

test.each(Object.keys(goldens))("%s are those of goldens.json (npm run goldens renews them)", async (name) => {
  expect(await goldens[name]!()).toEqual(kept[name]);
});
