import { readFileSync } from "node:fs";
import { registerHooks, type LoadHookSync, type ResolveHookSync } from "node:module";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const ourself = new URL(`../index${extname(import.meta.url)}`, import.meta.url).href;

/** `mnas` is the one that runs, wherever the config is and whatever is installed there. */
const resolveOurself: ResolveHookSync = (specifier, context, next) =>
  specifier === "mnas" ? { url: ourself, shortCircuit: true } : next(specifier, context);

/** A user's file with `import` or `export` is a module, also where package.json says that all are CommonJS. */
const loadModule: LoadHookSync = (url, context, next) => {
  const { format } = context;
  const isUsers = url.startsWith("file:") && !url.includes("/node_modules/") && /\.[jt]s$/.test(url);
  if (!isUsers || format == null || !format.startsWith("commonjs")) return next(url, context);
  const isModule = /^\s*(?:import|export)\b/m.test(readFileSync(new URL(url), "utf8"));
  return next(url, isModule ? { ...context, format: format.replace("commonjs", "module") } : context);
};

/** Imports a user's file; it finds mnas from anywhere. Throws what the file or its imports throw. */
export async function importUserFile(file: string): Promise<Record<string, unknown>> {
  const hooks = registerHooks({ resolve: resolveOurself, load: loadModule });
  try {
    return (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  } finally {
    hooks.deregister();
  }
}
