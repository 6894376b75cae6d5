import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { dirname, extname, join, relative, sep } from "node:path";
import { pipeline } from "node:stream";
import { fileURLToPath } from "node:url";
import { MnasError } from "../../errors.ts";

/** Where `npm run build` puts the page. */
export const pageFolder = fileURLToPath(new URL("../../../build/web/", import.meta.url));

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
};

/** A name with a hash of its content, as Vite makes it, or with a version, is never used for other content. */
const hashed = /^\/assets\/(?:.*-(?=[\w-]*[A-Z\d])[\w-]{8}\.\w+|litert-[\d.]+\/\w+\.\w+)$/;

/** The WebAssembly of LiteRT.js that pages ask for, from the package in which it is installed: with relaxed SIMD, and without. */
function litertFiles(): [path: string, file: string][] {
  const root = dirname(dirname(createRequire(import.meta.url).resolve("@litertjs/core")));
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  return ["internal", "compat_internal"].flatMap((build) =>
    [`litert_wasm_${build}.js`, `litert_wasm_${build}.wasm`].map((name): [string, string] => [
      `/assets/litert-${version}/${name}`,
      join(root, "wasm", name),
    ]),
  );
}

/** Files of a folder by their paths in addresses. What is not in the table cannot be asked for, whatever the path. */
function filesOf(folder: string): ReadonlyMap<string, string> {
  if (!existsSync(join(folder, "index.html"))) {
    throw new MnasError("DEVICE_UNAVAILABLE", "Cannot let devices join: the page that they open was not built", {
      hint: "Run `npm run build`.",
    });
  }
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && types[extname(entry.name)] !== undefined)
    .map((entry) => join(entry.parentPath, entry.name));
  const paths = files.map((file): [string, string] => [`/${relative(folder, file).replaceAll(sep, "/")}`, file]);
  return new Map([...paths, ...litertFiles(), ["/", join(folder, "index.html")]]);
}

/*
 * Scripts, workers and WebAssembly of this server alone. COOP and COEP isolate the page, so that it gets threads and a
 * fine clock where it is a secure context. Some browsers do not count WebSockets to 'self'.
 */
const headersFor = (sockets: readonly string[]): Record<string, string> => ({
  "Content-Security-Policy": [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval' blob:",
    "worker-src 'self' blob:",
    `connect-src 'self' ${sockets.join(" ")} blob: data:`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
});

/** Answers without a body of their own. */
export function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" });
  response.end(`${text}\n`);
}

/**
 * Serves the files of a folder and nothing else. The Host header was checked before; a page may open `sockets`.
 *
 * @throws MnasError `DEVICE_UNAVAILABLE` when there is no page in the folder.
 */
export function createSite(
  folder: string,
): (request: IncomingMessage, response: ServerResponse, sockets: readonly string[]) => void {
  const files = filesOf(folder);
  return (request, response, sockets) => {
    if (request.method !== "GET") {
      response.setHeader("Allow", "GET");
      return refuse(response, 405, "Only GET");
    }
    const path = (request.url ?? "").replace(/[?#].*$/s, "");
    const file = files.get(path);
    const size = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false })?.size;
    if (file === undefined || size === undefined) return refuse(response, 404, "Not found");
    response.writeHead(200, {
      ...headersFor(sockets),
      "Content-Type": types[extname(file)],
      "Content-Length": size,
      "Cache-Control": hashed.test(path) ? "public, max-age=31536000, immutable" : "no-cache",
    });
    // A file that cannot be read after all, or a reader that goes away, ends the answer and nothing else.
    pipeline(createReadStream(file), response, () => {});
  };
}
