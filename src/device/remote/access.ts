import type { IncomingHttpHeaders } from "node:http";
import { hostname } from "node:os";
import { MnasError } from "../../errors.ts";
import { hostIn, isEverywhere, isLoopback, portOf, reachableHosts, withPort, type Address } from "./address.ts";
import { networkHosts } from "./interfaces.ts";

/** Where a server for pages listens, and by which other names browsers reach it. */
export interface Access extends Address {
  /** Names of a tunnel, a proxy or a router, as {@link parseAllowed} makes them. */
  readonly allowed?: readonly AllowedHost[];
  /** The address to open, as {@link parsePublicUrl} makes it: `https://NAME`. */
  readonly publicUrl?: string;
}

/** A name by which browsers may reach a server. */
export interface AllowedHost {
  readonly hostname: string;
  /** Null for any. */
  readonly port: number | null;
}

/** `NAME[:PORT]` of `--allow-host`. Throws `USAGE`. */
export function parseAllowed(text: string): AllowedHost {
  const isBare = /^[\da-fA-F]*:[\da-fA-F:]*:[\da-fA-F:.]*$/.test(text);
  const url = hostIn(isBare ? `[${text}]` : text);
  if (url !== null) return { hostname: url.hostname, port: /:\d+$/.test(text) && !isBare ? portOf(url) : null };
  throw new MnasError("USAGE", `Cannot allow "${text}": it must be NAME or NAME:PORT of a host`, {
    hint: "Use the host of the address that the browser shows, without http:// and without a path.",
  });
}

/** The origin in an address of `--public-url`. Throws `USAGE`. */
export function parsePublicUrl(text: string): string {
  const [, scheme = "", rest = ""] = /^(https?:)\/\/([^/]*)\/?$/i.exec(text) ?? [];
  const url = hostIn(rest, scheme.toLowerCase() === "https:" ? "https:" : "http:");
  if (scheme !== "" && url !== null) return url.origin;
  throw new MnasError("USAGE", `Cannot use "${text}" as public address: it must be http:// or https:// and a host`, {
    hint: "Use an address like https://mnas.example, without a path; a proxy must hand on whole paths.",
  });
}

/** A request that is not answered, and how its user may let it pass. */
export interface Refused {
  /** For whoever asked. */
  readonly text: string;
  /** Host or origin that is not known, to tell of each once. */
  readonly unknown: string;
  /** For the user of this machine. */
  readonly told: string;
}

/** Sources of a Content-Security-Policy by which a page may open its WebSocket. */
type Sockets = readonly string[];

/** Whether a server that listens there has this host of a request. */
const isOwn = ({ host, port }: Address, url: URL): boolean => {
  const names = ["localhost", "127.0.0.1", "::1", host];
  if (isEverywhere(host)) names.push(...networkHosts(), hostname(), `${hostname()}.local`);
  return portOf(url) === port && names.some((name) => hostIn(withPort(name, port))?.hostname === url.hostname);
};

/** Whether the user named this host. A host without a port has that of http or of https. */
const isAllowed = ({ allowed = [] }: Access, url: URL): boolean => {
  const ports = url.port === "" ? [80, 443] : [portOf(url)];
  return allowed.some(({ hostname: name, port }) => name === url.hostname && (port === null || ports.includes(port)));
};

/** An Origin header as text that can be compared and shown; null for one that is no address. */
function originIn(header: string): string | null {
  try {
    return parsePublicUrl(header);
  } catch {
    return null;
  }
}

const hostText = "This server has another name; the terminal of mnas says how to allow this one";
const originText = "Pages of other sites may not connect; the terminal of mnas says how to allow one";

/**
 * Whether a request is for this server and from a page of it. A page of another site, whose name was made to lead here (DNS
 * rebinding), says that site's name.
 */
export function judgeRequest({ host, origin }: IncomingHttpHeaders, access: Access): Refused | { sockets: Sockets } {
  const { publicUrl } = access;
  const url = hostIn(host ?? "");
  const none = { text: hostText, unknown: "", told: "a request that names no host was refused" };
  if (host === undefined || url === null) return none;
  const isNamed = isAllowed(access, url);
  const isPublic = publicUrl !== undefined && hostIn(host, schemeOf(publicUrl))?.origin === publicUrl;
  const isOurs = isOwn(access, url);
  if (!isNamed && !isPublic && !isOurs) {
    const told = `a browser asked for "${url.host}", which is no name of this server; if that leads here, use --allow-host ${url.host}`;
    return { text: hostText, unknown: url.host, told };
  }
  const schemes = [...(isOurs || isNamed ? ["http"] : []), ...(isNamed ? ["https"] : [])];
  const origins = [...schemes.map((scheme) => `${scheme}://${url.host}`), publicUrl];
  const from = origin === undefined ? undefined : originIn(origin);
  if (from === null) return { text: originText, unknown: "null", told: "a page without an address was refused" };
  if (from !== undefined && !origins.includes(from)) {
    const told = `a page of ${from} was refused; if that address leads here, use --public-url ${from}`;
    return { text: originText, unknown: from, told };
  }
  const sockets = [`ws://${url.host}`, `wss://${url.host}`, publicUrl?.replace(/^http/, "ws")];
  return { sockets: [...new Set(sockets)].filter((each) => each !== undefined) };
}

const schemeOf = (origin: string): "http:" | "https:" => (origin.startsWith("https:") ? "https:" : "http:");

/** Addresses of the page, the best first. */
export function pageUrls({ host, port, publicUrl }: Access): string[] {
  const own = reachableHosts(host).map((each) => `http://${withPort(each, port)}`);
  const all = publicUrl === undefined ? own : [publicUrl, ...own];
  return [...new Set(all.map((each) => new URL(each).href))];
}

/** Whether nobody but this machine is known to reach the page. */
export const isOnlyLocal = ({ host, allowed = [], publicUrl }: Access): boolean =>
  isLoopback(host) && allowed.length === 0 && publicUrl === undefined;
