import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** Lower rows know nothing of higher ones; modules of one row know nothing of each other. */
const layers = [
  ["errors", "version", "latency"],
  ["util"],
  ["space", "graph", "reward"],
  ["arch"],
  ["engine", "lower", "data", "report"],
  ["train", "device", "search"],
  ["export", "replay"],
  ["config"],
  ["store"],
  ["evaluator"],
  ["worker"],
  ["study"],
  ["cli"],
  ["index"],
];

const src = new URL("../src/", import.meta.url);
const moduleOf = (path: string): string => path.split("/")[0]!.replace(/\.ts$/, "");
const rankOf = (module: string): number => layers.findIndex((row) => row.includes(module));

test("imports only point down the layers", () => {
  const upward = globSync("**/*.ts", { cwd: src }).flatMap((file) => {
    const from = moduleOf(file);
    const text = readFileSync(new URL(file, src), "utf8");
    return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].flatMap(([, specifier]) => {
      const to = moduleOf(new URL(specifier!, new URL(file, src)).pathname.slice(src.pathname.length));
      return from === to || rankOf(to) < rankOf(from) ? [] : [`${file} imports ${to}`];
    });
  });
  expect(upward).toEqual([]);
});

/** Files of `src` by their names, with those that each imports, types included. */
const imports = new Map(
  globSync("**/*.ts", { cwd: src }).map((file) => {
    const text = readFileSync(new URL(file, src), "utf8");
    const found = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, specifier]) =>
      new URL(specifier!, new URL(file, src)).pathname.slice(src.pathname.length),
    );
    return [file, found] as const;
  }),
);

test("no file imports itself by way of others, not even types", () => {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(" → "));
    if (done.has(file) || way.includes(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...way, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  expect(circles).toEqual([]);
});

test("every module has a place in the layers", () => {
  const modules = new Set(globSync("**/*.ts", { cwd: src }).map(moduleOf));
  expect([...modules].filter((module) => rankOf(module) < 0)).toEqual([]);
});
