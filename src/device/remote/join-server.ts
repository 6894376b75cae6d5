import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { isOurHost, reachableHosts, withPort, type Address } from "./address.ts";
import { admit, type Gate } from "./admit.ts";
import { listen, type Refusal } from "./listen.ts";
import { limits } from "./messages.ts";
import type { Peer } from "./peer.ts";
import { createSessions, sessionFile } from "./sessions.ts";
import { createSite, pageFolder, refuse } from "./site.ts";
import { throttled } from "./throttle.ts";
import { createTokens } from "./tokens.ts";

export interface JoinOptions {
  readonly address: Address;
  /** The built page. */
  readonly folder?: string;
  /** Where devices that joined are remembered. */
  readonly stateFile?: string;
  /** How long a link is good. */
  readonly tokenMs?: number;
  /** How long a connection may say nothing. */
  readonly helloMs?: number;
  /** How long a device may be paused. */
  readonly patienceMs?: number;
}

export interface JoinListener {
  readonly onJoin?: (peer: Peer) => void;
  readonly onLeave?: (peer: Peer, reason: string) => void;
  readonly onWarning?: (message: string) => void;
}

/** Lets devices join, and knows those that have. */
export interface JoinServer extends AsyncDisposable {
  readonly address: Address;
  /** Devices that are connected. */
  readonly peers: () => readonly Peer[];
  /**
   * Lets one device after the other join, until disposed, or the server is: `onUrls` is told where, at once and whenever the link before
   * was used or is too old.
   *
   * @param name for the device; null for one of its own choice.
   */
  invite(name: string | null, onUrls: (urls: readonly string[]) => void): Disposable;
  /** Until disposed, or the server is. */
  listen(listener: JoinListener): Disposable;
}

/** Connections that have not said who they are. */
const mostPending = 16;
const renewMs = 30 * 60_000;
/** How long a search waits for a device that is gone or paused. */
export const defaultPatienceMs = 10 * 60_000;

/**
 * Serves the page by which browsers become devices, and takes their connections.
 *
 * @throws MnasError `DEVICE_UNAVAILABLE` when it cannot listen there, or the page was not built.
 */
export async function openJoinServer(options: JoinOptions): Promise<JoinServer> {
  const { tokenMs = 600_000, helloMs = 5000, patienceMs = defaultPatienceMs } = options;
  const site = createSite(options.folder ?? pageFolder);
  const listeners = new Set<JoinListener>();
  const warn = throttled((message) => listeners.forEach(({ onWarning }) => onWarning?.(message)));
  const gate: Gate = {
    tokens: createTokens(tokenMs),
    sessions: createSessions(options.stateFile ?? sessionFile(), warn),
    joined: new Set(),
    pending: new Set(),
    helloMs,
    patienceMs,
    onJoin: (peer) => listeners.forEach(({ onJoin }) => onJoin?.(peer)),
    onLeave: (peer, reason) => listeners.forEach(({ onLeave }) => onLeave?.(peer, reason)),
    warn,
  };
  const nameOf = ({ socket }: IncomingMessage): string => socket.remoteAddress ?? "an unknown address";

  /** Other sites' pages, which a browser on this machine may show, get no answer. */
  const refusal = (request: IncomingMessage): Refusal | null => {
    const { host, origin } = request.headers;
    if (!isOurHost(host, server.address)) return { status: 403, text: "This server has another name" };
    if (origin !== undefined && origin.toLowerCase() !== `http://${host!.toLowerCase()}`)
      return { status: 403, text: "Pages of other sites may not connect" };
    return null;
  };
  const server = await listen({
    address: options.address,
    mostBytes: limits.messageChars,
    onRequest: (request, response) => {
      const why = refusal(request);
      if (why === null) return site(request, response);
      refuse(response, why.status, why.text);
    },
    refusal: (request) => {
      const why = refusal(request);
      if (why !== null) warn(`a connection from ${nameOf(request)} was refused: ${why.text}`);
      if (why === null && gate.pending.size >= mostPending) return { status: 503, text: "Too many connections" };
      return why;
    },
    onSocket: (socket: WebSocket, request) => admit(gate, socket, nameOf(request)),
  });
  const renewal = setInterval(() => {
    for (const { peer, session } of gate.joined) gate.sessions.renew(session, peer.name);
  }, renewMs);
  const invitations = new Set<Disposable>();
  const urlsWith = (token: string): string[] =>
    reachableHosts(server.address.host).map((host) => `http://${withPort(host, server.address.port)}/#${token}`);

  return {
    address: server.address,
    peers: () => [...gate.joined].map(({ peer }) => peer),
    invite: (name, onUrls) => {
      let isOpen = true;
      let token: string;
      let timer: NodeJS.Timeout;
      const renew = (): void => {
        if (!isOpen) return;
        clearTimeout(timer);
        // Those who hear of the device that has come may want no other.
        token = gate.tokens.issue(name, () => setImmediate(renew));
        timer = setTimeout(() => {
          gate.tokens.revoke(token);
          renew();
        }, tokenMs);
        onUrls(urlsWith(token));
      };
      renew();
      const invitation = {
        [Symbol.dispose]: () => {
          isOpen = false;
          clearTimeout(timer);
          gate.tokens.revoke(token);
          invitations.delete(invitation);
        },
      };
      invitations.add(invitation);
      return invitation;
    },
    listen: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(renewal);
      for (const invitation of invitations) invitation[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
