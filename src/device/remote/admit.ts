import type { WebSocket } from "ws";
import { Misbehaviour, openChannel, type Channel } from "./channel.ts";
import { closeCodes, limits, protocolVersion, type Hello, type SearchMessage } from "./messages.ts";
import { freeName, slugOf } from "./names.ts";
import { createPeer, type PeerEnd } from "./peer.ts";
import { parseDeviceMessage } from "./schemas.ts";
import type { Sessions } from "./sessions.ts";
import type { Tokens, TokenState } from "./tokens.ts";

/** A device that joined, and the secret by which it may come back. */
export interface Joined {
  readonly peer: PeerEnd;
  readonly session: string;
}

/** What decides who may join. */
export interface Gate {
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  /** Devices that are connected. */
  readonly joined: Set<Joined>;
  /** Connections that have not said who they are. */
  readonly pending: Set<WebSocket>;
  /** They have so long to do so. */
  readonly helloMs: number;
  readonly patienceMs: number;
  readonly onJoin: (peer: PeerEnd) => void;
  readonly onLeave: (peer: PeerEnd, reason: string) => void;
  readonly warn: (message: string) => void;
}

const mostDevices = 32;

const newest = "Use the newest one that mnas shows.";
const tokenReasons: Readonly<Record<Exclude<TokenState, "good">, string>> = {
  used: `This link was used before, and lets one device join. ${newest}`,
  expired: `This link is too old. ${newest}`,
  unknown: `This link is not known here. ${newest}`,
};

type Verdict = { readonly name: string; readonly session: string } | { readonly refusal: string };

/** Whether a device may join, and as whom. A token goes before a session: its user has just chosen it. */
function judge({ tokens, sessions, joined }: Gate, hello: Hello): Verdict {
  const { protocol, token, session } = hello;
  if (protocol !== protocolVersion) return { refusal: "This page is of another version of mnas. Load it again." };
  const known = session === undefined ? null : sessions.find(session);
  if (known === null && joined.size >= mostDevices) return { refusal: "There are too many devices here." };
  const used = token === undefined ? null : tokens.use(token);
  if (known === null && used?.state !== "good") {
    const gone = "This device has to join again: open the link that mnas shows.";
    return { refusal: used === null ? gone : tokenReasons[used.state] };
  }
  const others = [...joined].filter((each) => each.session !== session).map(({ peer }) => peer.name);
  const name = freeName(used?.name ?? slugOf(hello.name), (each) => others.includes(each));
  if (known === null || session === undefined) return { name, session: sessions.create(name) };
  sessions.renew(session, name);
  return { name, session };
}

/** Takes a new connection: hears who it is, and lets it join or not. */
export function admit(gate: Gate, socket: WebSocket, from: string): void {
  let self: Joined | null = null;
  gate.pending.add(socket);

  const greet = (hello: Hello): void => {
    const verdict = judge(gate, hello);
    if ("refusal" in verdict) {
      gate.warn(`a device at ${from} was refused: ${verdict.refusal}`);
      channel.send({ kind: "refused", reason: verdict.refusal });
      return channel.close(closeCodes.refused, "refused");
    }
    const { name, session } = verdict;
    const { token: _token, session: _session, ...rest } = hello;
    const onPaused = (reason: string): void => gate.warn(`page:${name} has stopped for now: ${reason}`);
    const peer = createPeer({ name, hello: rest, origin: "web", channel, patienceMs: gate.patienceMs, onPaused });
    const before = [...gate.joined].find((each) => each.session === session);
    self = { peer, session };
    gate.joined.add(self);
    gate.pending.delete(socket);
    before?.peer.close(closeCodes.replaced, "it joined again");
    channel.send({ kind: "welcome", name, session });
    gate.onJoin(peer);
  };

  const channel: Channel<SearchMessage> = openChannel(socket, {
    parse: parseDeviceMessage,
    mostChars: () => (self === null ? limits.helloChars : limits.messageChars),
    onMessage: (message) => {
      if (self !== null) return self.peer.receive(message);
      if (message.kind !== "hello") throw new Misbehaviour(`${message.kind} before hello`);
      clearTimeout(late);
      greet(message);
    },
    onClose: (why) => {
      clearTimeout(late);
      gate.pending.delete(socket);
      const who = self === null ? `a device at ${from}` : `page:${self.peer.name}`;
      if (why.isMisbehaviour) gate.warn(`${who} was disconnected, for it sent ${why.reason}`);
      if (self === null) return;
      gate.joined.delete(self);
      gate.sessions.renew(self.session, self.peer.name);
      self.peer.closed(why);
      gate.onLeave(self.peer, why.reason);
    },
  });
  const late = setTimeout(() => channel.close(closeCodes.silent, "it did not say who it is"), gate.helloMs);
}
