import { renderUnicodeCompact } from "uqr";
import type { Notice, OpenOptions } from "../device/options.ts";
import { parseAllowed, parsePublicUrl, type Access } from "../device/remote/access.ts";
import { joinPort, parseAddress, withoutToken } from "../device/remote/address.ts";
import { MnasError } from "../errors.ts";
import { paint, print, say } from "./output.ts";

type Join = Extract<Notice, { event: "join" }>;

/** Options of every command that devices may join. */
export interface ListenOptions {
  readonly listen?: string | undefined;
  readonly allowHost?: readonly string[] | undefined;
  readonly publicUrl?: string | undefined;
}

/** Where a command waits for devices, and by which names. Throws `USAGE`. */
export const accessOf = (
  { listen = "127.0.0.1", allowHost = [], publicUrl }: ListenOptions,
  port = joinPort,
): Access => ({
  ...parseAddress(listen, port),
  allowed: allowHost.map(parseAllowed),
  ...(publicUrl === undefined ? {} : { publicUrl: parsePublicUrl(publicUrl) }),
});

/** Where a device may join, for people: address, QR code on a terminal, and how a phone gets there. */
export function joinLines({ urls, port, isLocal }: Join, listenFlag: string): string[] {
  const [url = "", ...others] = urls;
  const margin = " ".repeat(9);
  const code = process.stderr.isTTY ? renderUnicodeCompact(url, { border: 2 }).split("\n") : [];
  return [
    `join     ${url}`,
    ...others.map((other) => margin + other),
    ...code.map((row) => margin + row),
    `${margin}Open it in a browser of the device. It lets one device join, for 10 minutes.`,
    `${margin}Android over USB: first run adb reverse tcp:${port} tcp:${port}, then use localhost on the phone too.`,
    ...(isLocal
      ? [`${margin}A phone in your network needs ${listenFlag} 0.0.0.0; over USB it does not.`]
      : url.startsWith("https:")
        ? []
        : [`${margin}Over the network, browsers give pages no WebGPU and a coarse clock; over USB it is better.`]),
  ];
}

/** What a device tells, as lines for people. */
export function noticeLines(notice: Notice): string[] {
  switch (notice.event) {
    case "join":
      return joinLines(notice, "--listen");
    case "joined":
      return [`joined   ${notice.names[0]}: ${notice.description}`];
    case "warning":
      return [`${paint("yellow", "warning:", process.stderr)} ${notice.message}`];
  }
}

/** Devices that do not join: a table or predictor may be of one that does, on which finalists are measured. */
const neverJoins = /^(host|madds|adb|tcp|evaluator)\b/;

/** Refuses options that a device makes useless. Throws `USAGE`. */
function checkJoins(device: string, { listen, allowHost, publicUrl }: ListenOptions): void {
  const given = Object.entries({ listen, "allow-host": allowHost, "public-url": publicUrl });
  const unused = given.find(([, value]) => value !== undefined);
  if (unused === undefined || !neverJoins.test(device)) return;
  throw new MnasError(
    "USAGE",
    `Cannot apply --${unused[0]} to device "${withoutToken(device)}": it does not join, pages do`,
    { hint: "Leave it out, or use --device page." },
  );
}

/** How a command opens a device; what the device says goes to standard error. Throws `USAGE`. */
export function openingOf(
  device: string,
  { json = false, ...options }: ListenOptions & { readonly json?: boolean },
  signal?: AbortSignal,
): OpenOptions {
  checkJoins(device, options);
  return { onNotice: noticeView(json ? "stderr" : "none"), listen: accessOf(options), signal };
}

/** Tells notices as lines on standard error, or as JSON where the caller's JSON goes. */
export const noticeView =
  (toJson: "none" | "stdout" | "stderr") =>
  (notice: Notice): void => {
    if (toJson === "none") for (const line of noticeLines(notice)) say(line);
    else (toJson === "stdout" ? print : say)(JSON.stringify(notice));
  };
