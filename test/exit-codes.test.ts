import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { exitCodes, otherExitCodes } from "../src/errors.ts";

const page = readFileSync(new URL("../docs/exit-codes.md", import.meta.url), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));

test("the page of exit codes and the table in the code say the same", () => {
  const told = rows.flatMap(([, code = "", exit]) =>
    code.startsWith("`") ? [[code.replaceAll("`", ""), Number(exit)]] : [],
  );
  expect(told).toEqual(Object.entries(exitCodes));
});

test("the page gives a meaning for each exit code, and for no other", () => {
  const told = rows.flatMap(([, exit = ""]) => (/^\d+$/.test(exit) ? [Number(exit)] : []));
  const used = new Set([...Object.values(exitCodes), ...Object.values(otherExitCodes)]);
  expect(told).toEqual([...used].toSorted((a, b) => a - b));
});

test("each error code of the table is thrown somewhere", () => {
  const src = new URL("../src/", import.meta.url);
  const files = globSync("**/*.ts", { cwd: src }).filter((file) => file !== "errors.ts");
  const text = files.map((file) => readFileSync(new URL(file, src), "utf8")).join("\n");
  expect(Object.keys(exitCodes).filter((code) => !text.includes(`"${code}"`))).toEqual([]);
});
