import { renderUnicodeCompact } from "uqr";
import type { Notice, OpenOptions } from "../device/options.ts";
import { parseAllowed, parsePublicUrl, type Access } from "../device/remote/access.ts";
import { joinPort, parseAddress } from "../device/remote/address.ts";
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

/** How a command opens the device of its options; what the device says goes to standard error. */
export const openingOf = (
  { json = false, ...options }: ListenOptions & { readonly json?: boolean },
  signal?: AbortSignal,
): OpenOptions => ({
  onNotice: noticeView(json ? "stderr" : "none"),
  listen: accessOf(options),
  signal,
});

/** Tells notices as lines on standard error, or as JSON where the caller's JSON goes. */
export const noticeView =
  (toJson: "none" | "stdout" | "stderr") =>
  (notice: Notice): void => {
    if (toJson === "none") for (const line of noticeLines(notice)) say(line);
    else (toJson === "stdout" ? print : say)(JSON.stringify(notice));
  };
