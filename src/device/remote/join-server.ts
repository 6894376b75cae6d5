import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { judgeRequest, pageUrls, type Access } from "./access.ts";
import { admit, type Gate } from "./admit.ts";
import { listen, type Refusal } from "./listen.ts";
import { limits } from "./messages.ts";
import type { Peer } from "./peer.ts";
import { createSessions, sessionFile } from "./sessions.ts";
import { createSite, pageFolder, refuse } from "./site.ts";
import { throttled } from "./throttle.ts";
import { createTokens } from "./tokens.ts";

export interface JoinOptions {
  readonly address: Access;
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
  /** The port as it is. */
  readonly address: Access;
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
/** Unknown hosts and origins that are told of, each once; more are somebody's play. */
const mostUnknown = 100;
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

  const unknown = new Set<string>();
  /** Other sites' pages, which a browser on this machine may show, get no answer; the user is told how to allow a site. */
  const judge = (request: IncomingMessage): Refusal | { readonly sockets: readonly string[] } => {
    const verdict = judgeRequest(request.headers, access());
    if ("sockets" in verdict) return verdict;
    if (!unknown.has(verdict.unknown) && unknown.size < mostUnknown) {
      unknown.add(verdict.unknown);
      warn(`${verdict.told} (from ${nameOf(request)})`);
    }
    return { status: 403, text: verdict.text };
  };
  const server = await listen({
    address: options.address,
    mostBytes: limits.messageChars,
    onRequest: (request, response) => {
      const verdict = judge(request);
      if ("sockets" in verdict) return site(request, response, verdict.sockets);
      refuse(response, verdict.status, verdict.text);
    },
    refusal: (request) => {
      const verdict = judge(request);
      if ("status" in verdict) return verdict;
      return gate.pending.size >= mostPending ? { status: 503, text: "Too many connections" } : null;
    },
    onSocket: (socket: WebSocket, request) => admit(gate, socket, nameOf(request)),
  });
  const access = (): Access => ({ ...options.address, ...server.address });
  const renewal = setInterval(() => {
    for (const { peer, session } of gate.joined) gate.sessions.renew(session, peer.name);
  }, renewMs);
  const invitations = new Set<Disposable>();
  const urlsWith = (token: string): string[] => pageUrls(access()).map((url) => `${url}#${token}`);

  return {
    address: access(),
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
