import type { LatencyDevice } from "../device.ts";
import { MnasError } from "../../errors.ts";
import type { OpenOptions } from "../options.ts";
import { pageRuntimes } from "./messages.ts";
import { isOnlyLocal } from "./access.ts";
import { joinPort, withPort } from "./address.ts";
import { defaultPatienceMs, openJoinServer, type JoinOptions, type JoinServer } from "./join-server.ts";
import { describe, openRemote } from "./remote.ts";
import type { Peer } from "./peer.ts";

interface Shared {
  readonly server: Promise<JoinServer>;
  users: number;
}

/** One server for all devices of this process that join at one address. */
const servers = new Map<string, Shared>();

/** The server of an address, and what to do when it is no longer needed. */
async function share(options: JoinOptions): Promise<{ server: JoinServer; leave: () => Promise<void> }> {
  const { host, port } = options.address;
  const key = withPort(host, port);
  const shared = (port === 0 ? undefined : servers.get(key)) ?? { server: openJoinServer(options), users: 0 };
  if (port !== 0) servers.set(key, shared);
  shared.users += 1;
  const leave = async (): Promise<void> => {
    shared.users -= 1;
    if (shared.users > 0) return;
    if (servers.get(key) === shared) servers.delete(key);
    await (await shared.server)[Symbol.asyncDispose]();
  };
  try {
    return { server: await shared.server, leave };
  } catch (error) {
    servers.delete(key);
    throw error;
  }
}

/** What `--device` takes for each runtime of a device that joined. */
export const namesOf = ({ name, hello }: Peer): string[] =>
  hello.runtimes.map(({ id }, i) => (i === 0 ? `page:${name}` : `page:${name}@${id}`));

/** One line for people about a device that joined. */
export const describePeer = ({ hello }: Peer): string => describe(hello, hello.runtimes[0]!);

export interface PageOptions extends OpenOptions {
  /** Parts of the server, for tests. */
  readonly join?: Partial<JoinOptions>;
}

/** `[NAME][@RUNTIME]` of a page device. Throws `DEVICE_INVALID`. */
function parsePage(name: string, rest: string): { readonly who: string | null; readonly runtime: string | null } {
  const [all, who = null, runtime = null] = /^([a-z0-9-]+)?(?:@([a-z0-9-]+))?$/.exec(rest) ?? [];
  // Said before any page is waited for, since it would lack it; a device with a name may be none of our pages.
  if (who === null && runtime !== null && !pageRuntimes.some((id) => id === runtime))
    throw new MnasError("DEVICE_INVALID", `Cannot open device "${name}": pages have no runtime ${runtime}`, {
      hint: `Use one of ${pageRuntimes.join(", ")}.`,
    });
  if (all !== undefined) return { who, runtime };
  throw new MnasError("DEVICE_INVALID", `Cannot open device "${name}": it is no name of a page`, {
    hint: "Use page, page:NAME, or page:NAME@RUNTIME, as `mnas devices` lists them.",
  });
}

interface Wait {
  readonly server: JoinServer;
  readonly isWanted: (peer: Peer) => boolean;
  /** The name to invite a device under. */
  readonly name: string | null;
  readonly onUrls: (urls: readonly string[]) => void;
  readonly onOther: (peer: Peer) => void;
  readonly signal: AbortSignal;
}

/** A device that is here, or the one that comes. */
function waitFor({ server, isWanted, name, onUrls, onOther, signal }: Wait): Promise<Peer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const here = server.peers().find(isWanted);
    if (here !== undefined) return resolve(here);
    const end = (): void => {
      invitation[Symbol.dispose]();
      listener[Symbol.dispose]();
      signal.removeEventListener("abort", abort);
    };
    const abort = (): void => {
      end();
      reject(signal.reason as Error);
    };
    const listener = server.listen({
      onJoin: (peer) => {
        if (!isWanted(peer)) return onOther(peer);
        end();
        resolve(peer);
      },
    });
    const invitation = server.invite(name, onUrls);
    signal.addEventListener("abort", abort);
    // Who was told the address may have given up at once.
    if (signal.aborted) abort();
  });
}

/**
 * A browser that joins over the network: the one of a name, or the first that comes.
 *
 * @param rest of the name, without `page:`.
 * @throws MnasError `DEVICE_UNAVAILABLE` when the server cannot be opened, or what joins lacks the runtime; the reason
 * of `options.signal`.
 */
export async function openPage(name: string, rest: string, options: PageOptions = {}): Promise<LatencyDevice> {
  const { who, runtime } = parsePage(name, rest);
  const { onNotice = () => {}, listen = { host: "127.0.0.1", port: joinPort }, signal } = options;
  const { patienceMs = defaultPatienceMs } = options.join ?? {};
  const { server, leave } = await share({ address: listen, ...options.join });
  const warn = (message: string): void => onNotice({ event: "warning", message });
  const told = server.listen({ onWarning: warn });
  const seen = new WeakSet<Peer>();
  /** The device this is: once one has come, another is another. */
  let wanted = who;

  const connect = async (stop: AbortSignal, isFirst: boolean): Promise<Peer> => {
    const why = `Cannot measure on "${name}": it did not come back in ${Math.round(patienceMs / 60_000)} min`;
    const late = new AbortController();
    const giveUp = (): void =>
      late.abort(new MnasError("DEVICE_UNAVAILABLE", why, { hint: "Open its page again, then continue." }));
    const timer = isFirst ? undefined : setTimeout(giveUp, patienceMs);
    try {
      const peer = await waitFor({
        server,
        isWanted: (each) => each.isOpen && (wanted === null || each.name === wanted),
        name: wanted,
        onUrls: (urls) =>
          onNotice({ event: "join", urls, port: server.address.port, isLocal: isOnlyLocal(server.address) }),
        onOther: (each) => warn(`page:${each.name} joined, but page:${wanted} is waited for`),
        signal: AbortSignal.any([stop, late.signal]),
      });
      if (!seen.has(peer)) onNotice({ event: "joined", names: namesOf(peer), description: describePeer(peer) });
      seen.add(peer);
      wanted = peer.name;
      return peer;
    } finally {
      clearTimeout(timer);
    }
  };
  const close = async (): Promise<void> => {
    told[Symbol.dispose]();
    await leave();
  };
  return openRemote({ name, origin: "web", runtime, connect, warn, close }, signal);
}
