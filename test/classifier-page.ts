import { readFileSync } from "node:fs";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import { openBrowser, type Page } from "./browser.ts";

/** A class as the classifier gives it. */
export interface Category {
  readonly index: number;
  readonly score: number;
  readonly categoryName: string;
}

/** What `page/classify.ts` puts on a page: all classes of each RGBA image, in their order. */
export type Classify = (
  model: readonly number[],
  images: readonly (readonly number[])[],
  side: number,
) => Promise<Category[][]>;

const origin = "http://classifier.test";
const library = "@mediapipe/tasks-vision";
const folder = dirname(createRequire(import.meta.url).resolve(library));
const script = readFileSync(new URL("page/classify.ts", import.meta.url), "utf8");
const imports = JSON.stringify({ imports: { [library]: "/vision_bundle.mjs" } });
const html = `<!doctype html><script type="importmap">${imports}</script><script type="module" src="/classify.js"></script>`;
const types: Readonly<Record<string, string>> = {
  mjs: "text/javascript",
  js: "text/javascript",
  wasm: "application/wasm",
};

/** A page on which there is nothing but MediaPipe's package. */
export async function openClassifierPage(): Promise<{ page: Page; close: () => Promise<void> }> {
  const { browser, close } = await openBrowser();
  const page = await (await browser.newContext()).newPage();
  await page.route("**/*", (route) => {
    const { pathname, origin: from } = new URL(route.request().url());
    if (from !== origin) return route.abort();
    if (pathname === "/") return route.fulfill({ contentType: "text/html", body: html });
    const contentType = types[pathname.split(".").at(-1)!]!;
    if (pathname === "/classify.js") return route.fulfill({ contentType, body: stripTypeScriptTypes(script) });
    return route.fulfill({ path: join(folder, pathname), contentType });
  });
  await page.goto(origin);
  await page.waitForFunction("globalThis.classify");
  return { page, close };
}
