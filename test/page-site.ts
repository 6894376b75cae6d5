import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

/** What `page/outputs.ts` puts on a page: evaluates a network on an image. */
export type Evaluate = (
  runtime: "onnx" | "litert",
  model: readonly number[],
  image: readonly number[],
) => Promise<number[]>;

const path = (from: string): string => fileURLToPath(new URL(from, import.meta.url));

/** Builds the page from the sources as they are, and `page/outputs.ts` beside it; says where the latter is. */
export async function buildPage(folder: string): Promise<{ outputs: string }> {
  const input = { index: path("../web/index.html"), outputs: path("./page/outputs.ts") };
  await build({
    configFile: path("../web/vite.config.ts"),
    build: { outDir: folder, minify: false, rolldownOptions: { input } },
  });
  const outputs = readdirSync(join(folder, "assets")).find(
    (name) => name.startsWith("outputs-") && name.endsWith(".js"),
  );
  return { outputs: `/assets/${outputs}` };
}
