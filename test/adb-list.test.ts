import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fastestCores, parseFacts, parseTemperature } from "../src/device/adb/facts.ts";
import { choosePhone, parseDevices } from "../src/device/adb/list.ts";
import { parseAdbName } from "../src/device/adb/name.ts";
import type { Adb } from "../src/device/adb/runner.ts";

beforeEach(() => void vi.stubEnv("ANDROID_SERIAL", undefined));
afterEach(() => void vi.unstubAllEnvs());

const wireless = "adb-ZY22CBH7-Z3uQ1r (2)._adb-tls-connect._tcp";
const noPermissions = "no permissions (missing udev rules? user is in the plugdev group); see [http://developer]";

test.each([
  ["a phone", "R5CT10TEST\tdevice", "R5CT10TEST", "device"],
  ["a serial with a blank and a number", `${wireless}\tdevice`, wireless, "device"],
  ["a serial with a blank, in columns", `${wireless}   offline`, wireless, "offline"],
  ["an address", "192.168.1.5:5555\tdevice", "192.168.1.5:5555", "device"],
  ["a phone without permissions", `R5CT10TEST\t${noPermissions}`, "R5CT10TEST", noPermissions],
  ["a phone without a name", "????????????\tno permissions", "????????????", "no permissions"],
  ["a serial that is a state", "device\tunauthorized", "device", "unauthorized"],
  ["a state that is new", "R5CT10TEST\tsleeping soundly", "R5CT10TEST", "sleeping soundly"],
  ["a line that ends as on Windows", "R5CT10TEST\tdevice\r", "R5CT10TEST", "device"],
])("parseDevices() reads %s", (_what, line, serial, state) => {
  const talk = "* daemon not running; starting now at tcp:5037\n* daemon started successfully\n";
  expect(parseDevices(`${talk}List of devices attached\n${line}\n\n`)).toEqual([{ serial, state }]);
});

test("parseDevices() gives back whatever serials and states were listed", () => {
  const serial = fc
    .array(fc.constantFrom("A", "z", "0", ".", ":", "-", "_", " ", "(", ")"), { minLength: 1, maxLength: 30 })
    .map((signs) => signs.join("").trim())
    .filter((text) => text !== "");
  const state = fc.constantFrom("device", "offline", "unauthorized", "recovery", noPermissions);
  fc.assert(
    fc.property(fc.array(fc.record({ serial, state })), (phones) => {
      const lines = phones.map((phone) => `${phone.serial}\t${phone.state}\n`).join("");
      expect(parseDevices(`List of devices attached\n${lines}`)).toEqual(phones);
    }),
  );
});

/** An adb that lists phones, and whose phones tell their own serial number. */
const adbOf = (phones: Readonly<Record<string, readonly [state: string, own?: string]>>): Adb => ({
  run: async ([first, serial]) => ({
    code: 0,
    stdout:
      first === "devices"
        ? `List of devices attached\n${Object.entries(phones)
            .map(([id, [state]]) => `${id}\t${state}\n`)
            .join("")}`
        : `${phones[serial!]![1] ?? ""}\n\n`,
    stderr: "",
  }),
  runAtExit: () => expect.unreachable("nothing ends this process"),
});

test.each([
  ["the only one", adbOf({ A: ["device"] }), null, undefined, "A"],
  ["the only one that is usable", adbOf({ A: ["offline"], B: ["device"], C: [noPermissions] }), null, undefined, "B"],
  ["the one that is named", adbOf({ A: ["device"], B: ["device"] }), "B", undefined, "B"],
  ["the one that ANDROID_SERIAL names", adbOf({ A: ["device"], B: ["device"] }), null, "B", "B"],
  ["the one that is named before ANDROID_SERIAL's", adbOf({ A: ["device"], B: ["device"] }), "A", "B", "A"],
  ["the only one where ANDROID_SERIAL is empty", adbOf({ A: ["device"] }), null, "", "A"],
  ["a serial with a blank", adbOf({ [wireless]: ["device"] }), wireless, undefined, wireless],
  [
    "USB of one phone that is connected twice",
    adbOf({ "192.168.1.5:5555": ["device", "S1"], S1: ["device", "S1"], [wireless]: ["device", "S1"] }),
    null,
    undefined,
    "S1",
  ],
])("choosePhone() takes %s", async (_what, adb, wanted, variable, serial) => {
  vi.stubEnv("ANDROID_SERIAL", variable);
  expect(await choosePhone(adb, "adb", wanted)).toBe(serial);
});

test.each([
  ["nothing", adbOf({}), null, undefined, "no phone is connected", "USB debugging"],
  [
    "another phone than ANDROID_SERIAL names",
    adbOf({ A: ["device"] }),
    null,
    "B",
    "the phone B, which ANDROID_SERIAL names, is not connected",
    "There is A (device).",
  ],
  [
    "another phone than is named",
    adbOf({ A: ["device"] }),
    "B",
    undefined,
    "the phone B is not connected",
    "A (device)",
  ],
  ["a phone that is offline", adbOf({ A: ["offline"] }), null, undefined, "offline (A: offline)", "adb reconnect"],
  ["the named phone offline", adbOf({ A: ["offline"], B: ["device"] }), "A", undefined, "offline", "adb reconnect"],
  [
    "phones that are all unusable",
    adbOf({ A: ["offline"], B: ["unauthorized"] }),
    null,
    undefined,
    "no phone is usable, of A (offline), B (unauthorized)",
    "adb devices",
  ],
  [
    "several phones",
    adbOf({ A: ["device", "1"], [wireless]: ["device", "2"], C: ["offline"] }),
    null,
    undefined,
    "several phones are connected",
    `adb:A, 'adb:${wireless}'.`,
  ],
])("choosePhone() refuses %s", async (_what, adb, wanted, variable, message, hint) => {
  vi.stubEnv("ANDROID_SERIAL", variable);
  await expect(choosePhone(adb, "adb", wanted)).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  });
});

test.each([
  ["ro.kernel.qemu=1", true],
  ["ro.boot.qemu=1\nro.kernel.qemu=", true],
  ["ro.hardware=ranchu", true],
  ["ro.hardware=cutf_cvm", true],
  ["ro.build.characteristics=nosdcard,emulator", true],
  ["ro.hardware=zuma\nro.build.characteristics=nosdcard\nro.boot.qemu=0", false],
])("parseFacts() knows an emulator by %j", (output, isEmulator) => {
  expect(parseFacts(output).isEmulator).toBe(isEmulator);
});

test("parseFacts() takes a phone that says nothing, and fastestCores() then names none", () => {
  const facts = parseFacts("ro.product.model=\r\ncpu0=\r\n");
  expect(facts).toMatchObject({ device: "unknown phone", os: "Android unknown", isEmulator: false });
  expect(fastestCores(facts.frequencies)).toBe(null);
  expect(parseTemperature("Can't find service: battery")).toBe(null);
});

test("fastestCores() is the cores with the highest frequency, and no other", () => {
  const frequencies = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 64 });
  fc.assert(
    fc.property(frequencies, (list) => {
      const mask = BigInt(`0x${fastestCores(new Map(list.entries()))!}`);
      const most = Math.max(...list);
      expect(list.map((_, core) => ((mask >> BigInt(core)) & 1n) === 1n)).toEqual(list.map((each) => each === most));
    }),
  );
});

test("parseAdbName() takes serials, addresses, masks and runtimes, and nothing for a shell", () => {
  expect(parseAdbName("adb", "")).toEqual({ serial: null, mask: null, tool: "tflite" });
  expect(parseAdbName("adb", "192.168.1.5:5555@f0@onnx")).toEqual({
    serial: "192.168.1.5:5555",
    mask: "f0",
    tool: "onnx",
  });
  expect(parseAdbName("adb", `${wireless}@onnx`)).toEqual({ serial: wireless, mask: null, tool: "onnx" });
  for (const rest of [
    "-x",
    " a",
    "a  b",
    "a;b",
    "a (b)",
    "a@0",
    "a@",
    "a@f0@30",
    "a@onnx@onnx",
    "a@$(x)",
    "a@fffffffffffffffff",
  ])
    expect(() => parseAdbName(`adb:${rest}`, rest), rest).toThrowError(
      expect.objectContaining({ code: "DEVICE_INVALID", hint: expect.stringContaining("adb[:SERIAL]") }),
    );
});
