import { expect } from "vitest";

interface Tag {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly parents: readonly string[];
}

const tagPattern = /<(\/?)([a-z0-9]+)((?:\s+[a-zA-Z][\w:-]*(?:="[^"<]*")?)*)\s*(\/?)>|<!doctype html>|<[^]?/g;
const voids = new Set(["meta", "link", "br", "input"]);
/** What may hold text and what stands in it only; a browser ends it where anything else begins. */
const phrasing = new Set(["p", "h1", "h2", "h3", "summary", "span", "b", "i", "em", "code", "a", "label", "pre", "dt"]);
const inPhrasing = new Set(["b", "i", "em", "code", "a", "span", "br", "input", "svg", "label"]);
const svgOnly = new Set(["g", "path", "circle", "rect", "line", "text"]);
const children: Readonly<Record<string, readonly string[]>> = {
  ul: ["li"],
  ol: ["li"],
  dl: ["div"],
  table: ["thead", "tbody"],
  thead: ["tr"],
  tbody: ["tr"],
  tr: ["th", "td"],
};

/** The tags of a document in their order; fails where one is not closed, stands in a wrong place or is no tag. */
function tagsOf(text: string): Tag[] {
  const tags: Tag[] = [];
  const open: string[] = [];
  for (const [whole, end, name, rest = "", selfEnd] of text
    .replace(/(<style>)[^]*?(<\/style>)/g, "$1$2")
    .matchAll(tagPattern)) {
    if (whole === "<!doctype html>") continue;
    if (name === undefined) throw new Error(`"${whole}" is no tag`);
    if (end === "/") {
      expect(name).toBe(open.pop());
      continue;
    }
    const parent = open.at(-1) ?? "";
    if (phrasing.has(parent)) expect(inPhrasing, `${name} in ${parent}`).toContain(name);
    if (children[parent] !== undefined) expect(children[parent], `${name} in ${parent}`).toContain(name);
    if (svgOnly.has(name)) expect(open).toContain("svg");
    const pairs = [...rest.matchAll(/([a-zA-Z][\w:-]*)(?:="([^"]*)")?/g)].map(
      ([, key, value]) => [key!, value ?? ""] as const,
    );
    expect(new Set(pairs.map(([key]) => key)).size).toBe(pairs.length);
    tags.push({ name, attributes: Object.fromEntries(pairs), parents: [...open] });
    if (!voids.has(name) && selfEnd !== "/") open.push(name);
  }
  expect(open).toEqual([]);
  return tags;
}

export const unescaped = (text: string): string =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");

/** Cells of the rows of the table with a label. */
export function rowsOf(html: string, label: string): string[][] {
  const [, table = ""] = html.split(`aria-label="${label}"><table>`);
  const [body = ""] = table.slice(table.indexOf("<tbody>")).split("</tbody>");
  return [...body.matchAll(/<tr[^>]*>([^]*?)<\/tr>/g)].map(([, row]) =>
    [...row!.matchAll(/<td[^>]*>([^]*?)<\/td>/g)].map(([, cell]) => unescaped(cell!.replace(/<[^>]*>/g, "")).trim()),
  );
}

/** Fails on what no document may have, and on marks outside their drawing. */
export function check(document: string): Tag[] {
  expect(document).not.toMatch(/NaN|Infinity|undefined|\[object/);
  const tags = tagsOf(document);
  const ids = tags.flatMap(({ attributes }) => attributes["id"] ?? []);
  expect(new Set(ids).size).toBe(ids.length);
  let width = 0;
  let height = 0;
  for (const { name, attributes } of tags) {
    if (name === "svg")
      [width, height] = (attributes["viewBox"] ?? `0 0 ${attributes["width"]} ${attributes["height"]}`)
        .split(" ")
        .slice(2)
        .map(Number) as [number, number];
    const xs = ["x", "x1", "x2", "cx"].flatMap((key) => attributes[key] ?? []).map(Number);
    const ys = ["y", "y1", "y2", "cy"].flatMap((key) => attributes[key] ?? []).map(Number);
    for (const x of xs) expect(x >= 0 && x <= width, `${name} at x ${x} of ${width}`).toBe(true);
    for (const y of ys) expect(y >= 0 && y <= height, `${name} at y ${y} of ${height}`).toBe(true);
    if (name === "rect") expect(Number(attributes["width"])).toBeGreaterThanOrEqual(0);
  }
  return tags;
}
