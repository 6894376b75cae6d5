import { MnasError } from "../../errors.ts";
import { networkHosts } from "./interfaces.ts";

/** Where a server listens. */
export interface Address {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
}

/** Ports when none is named: 6627 is MNAS on the keys of a telephone. */
export const joinPort = 6627;
export const servePort = 6628;

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535;

/** An IPv6 address needs brackets before a port. */
export const withPort = (host: string, port: number): string => `${host.includes(":") ? `[${host}]` : host}:${port}`;

/**
 * A host and port as a browser writes them: lower case, short IPv6, numbers as IPv4, no default port. Null for a text that is
 * no host, or has more than a host and a port.
 */
export function hostIn(text: string, scheme: "http:" | "https:" = "http:"): URL | null {
  const address = `${scheme}//${text}`;
  if (!/^[\w.-]+(:\d+)?$|^\[[\da-fA-F:.]+\](:\d+)?$/.test(text) || !URL.canParse(address)) return null;
  return new URL(address);
}

/** The port of an address, also where it is that of its scheme. */
export const portOf = ({ port, protocol }: URL): number =>
  port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);

/** The host as a browser writes it, without brackets; as given where a browser would refuse it. */
const asBrowsersHave = (host: string): string => {
  const url = hostIn(host.includes(":") ? `[${host}]` : host);
  return url === null ? host : url.hostname.replaceAll(/[[\]]/g, "");
};

const everywhere: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
export const isEverywhere = (host: string): boolean => everywhere.has(host);
export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|::1)$/.test(host);
/** `localhost` means this everywhere; `::1` only on some machines, and never the rest of 127.0.0.0/8. */
const localhosts: ReadonlySet<string> = new Set(["localhost", "127.0.0.1"]);

/**
 * The address in `HOST[:PORT]`; `lan` is every network of this machine. Throws `USAGE`.
 *
 * @param port when the text names none.
 */
export function parseAddress(text: string, port: number): Address {
  const [, v6, plain, given] = /^(?:\[([\da-fA-F:]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = v6 ?? plain ?? (/^[\da-fA-F:]*:[\da-fA-F:]*:[\da-fA-F:]*$/.test(text) ? text : undefined);
  const number = given === undefined ? port : Number(given);
  if (host === undefined || !isPort(number)) {
    const shown = host === undefined || given !== undefined ? text : withPort(host, number);
    throw new MnasError(
      "USAGE",
      `Cannot listen on "${shown}": it must be an address of this machine, HOST or HOST:PORT with a port up to 65535`,
      {
        hint: "Use 127.0.0.1 for this machine alone, 0.0.0.0 for all that can reach it.",
      },
    );
  }
  return { host: host === "lan" ? "0.0.0.0" : asBrowsersHave(host), port: number };
}

/** Hosts by which others reach a server that listens on `host`, the best first. */
export function reachableHosts(host: string): string[] {
  if (localhosts.has(host)) return ["localhost"];
  if (!isEverywhere(host)) return [host];
  const hosts = networkHosts().filter((each) => host === "::" || !each.includes(":"));
  return [...hosts, "localhost"];
}

/** A device's name without the token that may be in it: what may be shown and kept. */
export const withoutToken = (name: string): string => name.replace(/^(tcp:\/\/)[^@/]*@/, "$1");
