/** What browsers say of themselves, and what is made of it. */
export interface Identity {
  /** "Chrome 131". */
  readonly browser: string;
  /** "Android 15". */
  readonly system: string;
  /** "Pixel 8", "iPhone", "Linux computer": as exact as the browser tells. */
  readonly model: string;
  /** The name to join under: "pixel-8", "iphone", "linux-chrome". */
  readonly name: string;
}

/** The part of user agent client hints that is of use; only secure contexts of some browsers have them. */
export interface Hints {
  readonly model?: string | undefined;
  readonly platform?: string | undefined;
  readonly platformVersion?: string | undefined;
}

/** First match wins: browsers name those that they want to be taken for, too. */
const browsers: readonly (readonly [name: string, version: RegExp])[] = [
  ["Edge", /\bEdg(?:A|iOS)?\/(\d+)/],
  ["Opera", /\bOPR\/(\d+)/],
  ["Samsung Internet", /\bSamsungBrowser\/(\d+)/],
  ["Firefox", /\b(?:Firefox|FxiOS)\/(\d+)/],
  ["Chrome", /\b(?:Chrome|CriOS|HeadlessChrome)\/(\d+)/],
  ["Safari", /\bVersion\/(\d+(?:\.\d+)?).*Safari\//],
];

interface System {
  readonly name: string;
  readonly pattern: RegExp;
  /** What kind of device runs it, where no model is known. */
  readonly model: string;
}

const systems: readonly System[] = [
  { name: "iOS", pattern: /\biPhone OS (\d+(?:_\d+)*)/, model: "iPhone" },
  { name: "iPadOS", pattern: /\biPad; CPU OS (\d+(?:_\d+)*)/, model: "iPad" },
  { name: "Android", pattern: /\bAndroid (\d+(?:\.\d+)*)/, model: "Android device" },
  { name: "Android", pattern: /\bAndroid\b()/, model: "Android device" },
  { name: "ChromeOS", pattern: /\bCrOS \S+ (\d+)/, model: "Chromebook" },
  { name: "Windows", pattern: /\bWindows NT \d+()/, model: "Windows computer" },
  { name: "macOS", pattern: /\bMac OS X()/, model: "Mac" },
  { name: "Linux", pattern: /\bLinux\b()/, model: "Linux computer" },
];

const join = (...words: readonly (string | undefined)[]): string =>
  words.filter((word) => word !== undefined && word !== "").join(" ");

/** Lower-case letters, digits and hyphens, as in `--device page:NAME`. */
export const slugOf = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 40);

/** The model that Android browsers used to tell: "Android 13; SM-S901B)". Chrome says "K" for all since 2023. */
const modelOf = (userAgent: string): string | undefined =>
  /\bAndroid [\d.]+; (?:[a-z]{2}-[a-zA-Z]{2}; )?([^;)]+?)(?: Build\/[^)]*)?\)/
    .exec(userAgent)?.[1]
    ?.replace(/^(K|Mobile|Tablet)$/, "");

/** Who a browser is. An iPad that asks for desktop pages says it is a Mac, but has a touch screen. */
export function identify(userAgent: string, hints: Hints = {}, touchPoints = 0): Identity {
  const isIpad = /\bMacintosh\b/.test(userAgent) && touchPoints > 1;
  const system = isIpad ? systems[1] : systems.find(({ pattern }) => pattern.test(userAgent));
  const told = isIpad ? "" : system?.pattern.exec(userAgent)?.[1]?.replaceAll("_", ".");
  // Reduced user agents say Android 10 and no version of others, whatever it is.
  const exact =
    hints.platformVersion === undefined ? undefined : /^[1-9]\d*(\.[1-9]\d*)?/.exec(hints.platformVersion)?.[0];
  const isReduced = /\bAndroid 10; K\)/.test(userAgent);
  // Windows numbers its own versions otherwise, and Linux says that of its kernel.
  const hasExact = system?.name === "Android" || system?.name === "macOS" || system?.name === "ChromeOS";
  const version = hasExact && exact !== undefined ? exact : isReduced ? "" : told;
  const [browser, pattern] = browsers.find(([, each]) => each.test(userAgent)) ?? ["browser", /()/];
  const known = hints.model === undefined || hints.model === "" ? modelOf(userAgent) : hints.model;
  const model = known === undefined || known === "" ? (system?.model ?? "device") : known;
  const isOnlyKind = model === system?.model && !model.startsWith("iP");
  return {
    browser: join(browser, pattern.exec(userAgent)?.[1]),
    system: join(system?.name ?? "unknown system", version),
    model,
    name: slugOf(isOnlyKind ? `${system.name} ${browser}` : model),
  };
}

/**
 * The GPU in what WebGL says its renderer is; null for none. Chrome puts names of libraries around it: "ANGLE (Qualcomm,
 * Adreno (TM) 740, OpenGL ES 3.2)".
 */
export function gpuIn(renderer: string): string | null {
  const name = /^ANGLE \([^,]+, (?:ANGLE Metal Renderer: )?(.+), [^,]+\)$/.exec(renderer)?.[1] ?? renderer;
  if (/SwiftShader|llvmpipe|Basic Render/.test(name)) return null;
  return name.replace(/ \(0x.*| Direct3D.*| OpenGL.*|\/PCIe.*/, "");
}
