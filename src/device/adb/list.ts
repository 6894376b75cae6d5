import { MnasError } from "../../errors.ts";
import { shellWord } from "../../util/shell.ts";
import { failureOf, throwFailure } from "./failures.ts";
import type { Adb } from "./runner.ts";

/** A line of `adb devices`. */
interface Listed {
  readonly serial: string;
  /** `device` when the phone can be used. */
  readonly state: string;
}

/** States that adb lists. The text behind "no permissions" says why, in words that change between versions. */
const stateForm =
  /^(.*\S)\s+(device|offline|unauthorized|authorizing|connecting|bootloader|recovery|rescue|sideload|host|detached|unknown|no device|no permissions\b.*)$/;

/** Parses the output of `adb devices`. Lines are read from the right: a serial may hold blanks, a state is a known word. */
export function parseDevices(output: string): Listed[] {
  // Before the list, adb may talk about its server.
  const list = output.split(/^List of devices attached\s*$/m).at(-1)!;
  return list.split("\n").flatMap((line) => {
    const text = line.trim();
    const [, serial, state] = stateForm.exec(text) ?? /^([^\t]+?)\t+([^\t]+)$/.exec(text) ?? [];
    return serial === undefined || state === undefined ? [] : [{ serial, state }];
  });
}

/** Connections over a network are named by an address, or by the name that the phone announces. */
const isNetwork = (serial: string): boolean => /:\d+$|\._adb(?:-tls-connect)?\._tcp\.?$/.test(serial);

const connect = "Connect one by USB, with USB debugging on in its developer options; `adb devices` lists it.";
const named = ({ serial, state }: Listed): string => `${serial} (${state})`;

/** The connections by their phone's own serial number, USB before networks; a phone that tells none is one of its own. */
async function phonesOf(adb: Adb, serials: readonly string[], signal?: AbortSignal): Promise<string[][]> {
  const phones = new Map<string, string[]>();
  for (const serial of serials.toSorted((a, b) => Number(isNetwork(a)) - Number(isNetwork(b)))) {
    const command = "getprop ro.serialno; getprop ro.boot.serialno";
    const told = await adb.run(["-s", serial, "shell", command], { signal });
    const own = told.code === 0 ? (told.stdout.split("\n").find((line) => line.trim() !== "") ?? "").trim() : "";
    const phone = own === "" ? serial : own;
    phones.set(phone, [...(phones.get(phone) ?? []), serial]);
  }
  return [...phones.values()];
}

/**
 * The serial of the phone to use: the one that `wanted` or the variable `ANDROID_SERIAL` names, else the only usable
 * one. Of two connections of one phone, USB is taken.
 *
 * @param name of the device, for messages.
 * @throws MnasError `DEVICE_UNAVAILABLE` when no phone is usable, or several are.
 */
export async function choosePhone(
  adb: Adb,
  name: string,
  wanted: string | null,
  signal?: AbortSignal,
): Promise<string> {
  const fail = (why: string, hint: string): never => {
    throw new MnasError("DEVICE_UNAVAILABLE", `Cannot open device "${name}": ${why}`, { hint });
  };
  const listed = await adb.run(["devices"], { signal });
  if (listed.code !== 0) throwFailure(`open device "${name}"`, listed);
  const all = parseDevices(listed.stdout);
  const refuse = (phone: Listed): never => {
    const failure = failureOf(phone.state) ?? { why: `its state is "${phone.state}"`, hint: connect };
    return fail(`${failure.why} (${phone.serial}: ${phone.state})`, failure.hint);
  };

  const variable = (process.env["ANDROID_SERIAL"] ?? "").trim();
  const serial = wanted ?? (variable === "" ? null : variable);
  if (serial !== null) {
    const phone = all.find((each) => each.serial === serial);
    const source = wanted === null ? ", which ANDROID_SERIAL names," : "";
    const others = all.length === 0 ? connect : `There is ${all.map(named).join(", ")}.`;
    if (phone === undefined) return fail(`the phone ${serial}${source} is not connected`, others);
    return phone.state === "device" ? serial : refuse(phone);
  }

  const usable = all.filter(({ state }) => state === "device").map((each) => each.serial);
  if (usable.length === 1) return usable[0]!;
  if (usable.length === 0) {
    if (all.length === 1) return refuse(all[0]!);
    if (all.length === 0) return fail("no phone is connected", connect);
    return fail(`no phone is usable, of ${all.map(named).join(", ")}`, "`adb devices` must list one as `device`.");
  }
  const phones = await phonesOf(adb, usable, signal);
  if (phones.length === 1) return phones[0]![0]!;
  const choices = phones.map(([first]) => shellWord(`adb:${first!}`)).join(", ");
  return fail("several phones are connected", `Say which with --device or ANDROID_SERIAL: ${choices}.`);
}
