import { hostname, networkInterfaces } from "node:os";
import { MnasError } from "../../errors.ts";

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

const everywhere: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
const isEverywhere = (host: string): boolean => everywhere.has(host);
export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|::1)$/.test(host);

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
  return { host: host === "lan" ? "0.0.0.0" : host, port: number };
}

/** Addresses of this machine in its networks, IPv4 first. */
function networkHosts(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = all.filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0);
  return ["IPv4", "IPv6"]
    .flatMap((family) => outside.filter((each) => each.family === family))
    .map((each) => each.address);
}

/** Hosts by which others reach a server that listens on `host`, the best first. */
export function reachableHosts(host: string): string[] {
  if (isLoopback(host)) return ["localhost"];
  if (!isEverywhere(host)) return [host];
  const hosts = networkHosts().filter((each) => host === "::" || !each.includes(":"));
  return [...hosts, "localhost"];
}

/**
 * Whether a Host header names a server that listens on `address`. A page of another site, whose name was made to lead
 * here (DNS rebinding), says that site's name.
 */
export function isOurHost(header: string | undefined, { host, port }: Address): boolean {
  if (header === undefined) return false;
  const names = ["localhost", "127.0.0.1", "::1", host];
  if (isEverywhere(host)) names.push(...networkHosts(), hostname(), `${hostname()}.local`);
  return names.some((name) => withPort(name, port).toLowerCase() === header.toLowerCase());
}

/** A device's name without the token that may be in it: what may be shown and kept. */
export const withoutToken = (name: string): string => name.replace(/^(tcp:\/\/)[^@/]*@/, "$1");
