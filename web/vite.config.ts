import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));

const versionOf = (name: string): string =>
  (
    JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), "utf8")) as {
      version: string;
    }
  ).version;

/** The page by which a phone joins a search: `build/web`, files that `device/remote/site.ts` serves. */
export default defineConfig({
  root,
  base: "./",
  define: {
    ONNX_VERSION: JSON.stringify(versionOf("onnxruntime-web")),
    LITERT_VERSION: JSON.stringify(versionOf("@litertjs/core")),
  },
  build: {
    outDir: "../build/web",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: { checks: { pluginTimings: false } },
    target: "es2022",
  },
  // A classic worker: LiteRT.js loads its script with importScripts, which workers that are modules do not have.
  worker: { format: "iife" },
  logLevel: "warn",
});
