import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const folders = [
  ...(process.env["PATH"] ?? "").split(delimiter),
  "/usr/bin",
  "/Applications/Google Chrome.app/Contents/MacOS",
  "/Applications/Chromium.app/Contents/MacOS",
];

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A Chromium on this machine: `CHROMIUM_PATH`, one that is installed, or Playwright's own; null for none. */
function findChromium(): string | null {
  const told = process.env["CHROMIUM_PATH"];
  if (told !== undefined && told !== "") return isProgram(told) ? told : null;
  const installed = folders.flatMap((dir) => [...names, "Google Chrome", "Chromium"].map((name) => join(dir, name)));
  return [...installed, chromium.executablePath()].find(isProgram) ?? null;
}

export const browserPath = findChromium();

/** For the names of tests: why they are skipped. */
export const skipReason = browserPath === null ? " (skipped: no Chromium here; install one, or set CHROMIUM_PATH)" : "";

/** A real browser, without a window. */
export async function openBrowser(args: readonly string[] = []): Promise<Browser> {
  if (browserPath === null) throw new Error("internal: tests of browsers are to be skipped where there is none");
  // Chromium refuses to sandbox what root starts, and containers have little shared memory.
  const flags = process.getuid?.() === 0 ? ["--no-sandbox", "--disable-dev-shm-usage"] : [];
  return chromium.launch({ executablePath: browserPath, args: [...flags, ...args] });
}

export type { Browser, BrowserContext, Page };
