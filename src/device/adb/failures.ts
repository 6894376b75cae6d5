import { MnasError } from "../../errors.ts";
import type { AdbResult } from "./runner.ts";

interface Failure {
  readonly why: string;
  readonly hint: string;
}

const again = "Plug it in again, see that `adb devices` lists it as `device`, and try again.";

/** What adb means, by what it says on standard error or lists as a state. The first that fits counts. */
const failures: readonly (readonly [RegExp, Failure])[] = [
  [
    /unauthorized|authorizing/,
    {
      why: "the phone does not trust this computer",
      hint: 'Unlock the phone and accept its prompt "Allow USB debugging?"; then `adb devices` lists it as `device`.',
    },
  ],
  [
    /no permissions|insufficient permissions|USB permission/,
    {
      why: "this user may not use the USB device",
      hint: "On Linux, add udev rules for Android phones (developer.android.com/studio/run/device), then plug it in again.",
    },
  ],
  [
    /no space left|ENOSPC/i,
    {
      why: "the storage of the phone is full",
      hint: "Free some space on the phone (`adb shell df /data`) and try again.",
    },
  ],
  [/offline/, { why: "the phone is offline", hint: "Unlock it, plug it in again, or run `adb reconnect`." }],
  [/permission denied|read-only file system/i, { why: "the phone lets nobody write to /data/local/tmp", hint: again }],
  [
    /not found|no devices|closed|protocol fault|connection reset|disconnect|cannot connect|recovery|sideload|bootloader/i,
    { why: "the phone is not connected", hint: again },
  ],
];

/** What a message of adb means; null when it is not known. */
export const failureOf = (text: string): Failure | null => failures.find(([form]) => form.test(text))?.[1] ?? null;

/** What adb said, in one line. */
const said = ({ code, stderr, stdout }: AdbResult): string => {
  const line = `${stderr}\n${stdout}`.split("\n").find((each) => each.trim() !== "" && !each.startsWith("*"));
  if (code === null) return "it did not answer in time";
  return line?.trim() ?? `adb ended with exit code ${code}`;
};

/**
 * Throws `DEVICE_UNAVAILABLE` with what to do about it.
 *
 * @param what was tried, for example `open device "adb"`.
 */
export function throwFailure(what: string, result: AdbResult): never {
  const known = failureOf(`${result.stderr}\n${result.stdout}`);
  if (known === null) {
    throw new MnasError("DEVICE_UNAVAILABLE", `Cannot ${what}: ${said(result)}`, {
      hint: "Run `adb devices`; it must list the phone as `device`.",
    });
  }
  throw new MnasError("DEVICE_UNAVAILABLE", `Cannot ${what}: ${known.why} (${said(result)})`, { hint: known.hint });
}
