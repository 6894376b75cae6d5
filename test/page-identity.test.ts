import * as fc from "fast-check";
import { expect, test } from "vitest";
import { gpuIn, identify, slugOf } from "../web/identify.ts";

const chrome = (inside: string, more = ""): string =>
  `Mozilla/5.0 (${inside}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0${more} Safari/537.36`;
const safari = (inside: string, more = "Version/18.1"): string =>
  `Mozilla/5.0 (${inside}) AppleWebKit/605.1.15 (KHTML, like Gecko) ${more} Mobile/15E148 Safari/604.1`;

test.each([
  [
    "Chrome on a phone that hides its model",
    chrome("Linux; Android 10; K", "").replace(" Safari", " Mobile Safari"),
    {},
    "Android, Chrome 131",
    "Android device",
    "android-chrome",
  ],
  [
    "the same with client hints",
    chrome("Linux; Android 10; K"),
    { model: "Pixel 8", platformVersion: "15.0.0" },
    "Android 15, Chrome 131",
    "Pixel 8",
    "pixel-8",
  ],
  [
    "Samsung Internet",
    chrome("Linux; Android 13; SM-S901B", "").replace("Chrome/131.0.0.0", "SamsungBrowser/27.0 Chrome/125.0.0.0"),
    {},
    "Android 13, Samsung Internet 27",
    "SM-S901B",
    "sm-s901b",
  ],
  [
    "Firefox on a phone",
    "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0",
    {},
    "Android 14, Firefox 133",
    "Android device",
    "android-firefox",
  ],
  [
    "Safari on an iPhone",
    safari("iPhone; CPU iPhone OS 18_1_1 like Mac OS X"),
    {},
    "iOS 18.1.1, Safari 18.1",
    "iPhone",
    "iphone",
  ],
  [
    "Chrome on an iPhone",
    safari("iPhone; CPU iPhone OS 17_7 like Mac OS X", "CriOS/131.0.6778.73"),
    {},
    "iOS 17.7, Chrome 131",
    "iPhone",
    "iphone",
  ],
  [
    "Safari on a Mac",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    {},
    "macOS, Safari 18.1",
    "Mac",
    "macos-safari",
  ],
  [
    "Edge on Windows",
    chrome("Windows NT 10.0; Win64; x64", "").concat(" Edg/131.0.0.0"),
    { platformVersion: "15.0.0" },
    "Windows, Edge 131",
    "Windows computer",
    "windows-edge",
  ],
  [
    "Chromium without a window",
    chrome("X11; Linux x86_64").replace("Chrome", "HeadlessChrome"),
    {},
    "Linux, Chrome 131",
    "Linux computer",
    "linux-chrome",
  ],
  ["something unheard of", "curl/8", {}, "unknown system, browser", "device", "device"],
])("identify() knows %s", (_, userAgent, hints, os, model, name) => {
  const { browser, system, ...rest } = identify(userAgent, hints);
  expect({ os: `${system}, ${browser}`, ...rest }).toEqual({ os, model, name });
});

test("identify() tells an iPad that asks for desktop pages from a Mac by its touch screen", () => {
  const mac =
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15";
  expect(identify(mac, {}, 5)).toMatchObject({ system: "iPadOS", model: "iPad", name: "ipad" });
  expect(identify(mac, {}, 0)).toMatchObject({ model: "Mac" });
});

test("slugOf() gives a name for --device of any text, or nothing", () => {
  expect(slugOf(" My Phone (2)! ")).toBe("my-phone-2");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(slugOf(text)).toMatch(/^([a-z0-9]+(-[a-z0-9]+)*)?$/);
      expect(slugOf(slugOf(text))).toBe(slugOf(text));
    }),
  );
});

test("gpuIn() takes away what browsers put around the name of a GPU", () => {
  expect(gpuIn("ANGLE (Qualcomm, Adreno (TM) 740, OpenGL ES 3.2)")).toBe("Adreno (TM) 740");
  expect(gpuIn("ANGLE (Apple, ANGLE Metal Renderer: Apple M1, Unspecified Version)")).toBe("Apple M1");
  expect(gpuIn("ANGLE (NVIDIA, NVIDIA GeForce RTX 3060 (0x00002504) Direct3D11 vs_5_0 ps_5_0, D3D11)")).toBe(
    "NVIDIA GeForce RTX 3060",
  );
  expect(gpuIn("Apple GPU")).toBe("Apple GPU");
  expect(gpuIn("ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero) (0x0000C0DE)), SwiftShader driver)")).toBe(
    null,
  );
});
