import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { MnasError } from "../../errors.ts";
import type { LatencyDevice } from "../device.ts";
import type { OpenOptions } from "../options.ts";
import { servePort, withoutToken, withPort } from "./address.ts";
import { Misbehaviour, openChannel, type Channel } from "./channel.ts";
import { defaultPatienceMs } from "./join-server.ts";
import { closeCodes, limits, protocolVersion, socketPath, type SearchMessage } from "./messages.ts";
import { createPeer, type Peer, type PeerEnd } from "./peer.ts";
import { openRemote } from "./remote.ts";
import { parseDeviceMessage } from "./schemas.ts";

interface Target {
  /** Without the token. */
  readonly name: string;
  /** HOST:PORT */
  readonly at: string;
  readonly token: string;
}

/** Longest time to connect and hear who it is. */
const helloMs = 10_000;
/** A device that was lost is dialled so often again, after so long each. */
const redials = 6;
const redialMs = 500;

const startHint = "Start `mnas device serve --host 0.0.0.0` there, and use the address that it prints.";
const tokenHint = "Set MNAS_TOKEN to the token that `mnas device serve` prints, or use tcp://TOKEN@HOST:PORT.";

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "it closed the connection",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "there is no such host",
  EHOSTUNREACH: "it is not reachable",
  ENETUNREACH: "it is not reachable",
  ETIMEDOUT: "it does not answer",
};

/** `tcp://[TOKEN@]HOST[:PORT]`. Throws `DEVICE_INVALID`. */
function parseTarget(given: string): Target {
  const name = withoutToken(given);
  const fail = (why: string, hint: string): never => {
    throw new MnasError("DEVICE_INVALID", `Cannot open device "${name}": ${why}`, { hint });
  };
  const url = URL.canParse(given) ? new URL(given) : fail("it is no address", "Use tcp://HOST:PORT.");
  if (url.hostname === "" || !/^\/?$/.test(url.pathname + url.search + url.hash) || url.password !== "")
    fail("it is no address", "Use tcp://HOST:PORT.");
  const token = url.username === "" ? (process.env["MNAS_TOKEN"] ?? "") : url.username;
  if (token === "") fail("it needs a token", tokenHint);
  if (!/^[\w.~-]+$/.test(token)) fail("its token has characters that no token has", tokenHint);
  const port = url.port === "" ? servePort : Number(url.port);
  return { name, at: withPort(url.hostname.replaceAll(/[[\]]/g, ""), port), token };
}

interface DialOptions {
  readonly onNotice: NonNullable<OpenOptions["onNotice"]>;
  readonly signal: AbortSignal;
}

/** Connects to a device that serves, and waits for its turn. */
function dial({ name, at, token }: Target, { onNotice, signal }: DialOptions): Promise<Peer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const warn = (message: string): void => onNotice({ event: "warning", message });
    let peer: PeerEnd | null = null;
    let cause: NodeJS.ErrnoException | null = null;
    const fail = (why: string, hint?: string): void => {
      done();
      const options = { cause, ...(hint === undefined ? {} : { hint }) };
      reject(new MnasError("DEVICE_UNAVAILABLE", `Cannot open device "${name}": ${why}`, options));
    };
    const done = (): void => {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
    };
    const abort = (): void => {
      done();
      socket.terminate();
      reject(signal.reason as Error);
    };
    const headers = { Authorization: `Bearer ${token}` };
    const socket = new WebSocket(`ws://${at}${socketPath}`, {
      headers,
      maxPayload: limits.messageChars,
      perMessageDeflate: false,
    });
    const late = setTimeout(() => {
      fail(cause === null ? "it does not answer" : cause.message, startHint);
      socket.terminate();
    }, helloMs);
    signal.addEventListener("abort", abort);

    socket.on("error", (error) => (cause = error));
    socket.on("unexpected-response", (_request, { statusCode }) => {
      if (statusCode === 401) fail("the token is wrong", tokenHint);
      else if (statusCode === 503) fail("too many searches wait for it");
      else fail(`it is no \`mnas device serve\` (HTTP status ${statusCode})`, startHint);
      socket.terminate();
    });
    const channel: Channel<SearchMessage> = openChannel(socket, {
      parse: parseDeviceMessage,
      mostChars: () => (peer === null ? limits.helloChars : limits.messageChars),
      onMessage: (message) => {
        if (peer !== null) return peer.receive(message);
        if (message.kind === "waiting") {
          clearTimeout(late);
          return warn(`${name} is busy with another search; ${message.ahead} before this one`);
        }
        if (message.kind !== "hello") throw new Misbehaviour(`${message.kind} before hello`);
        done();
        if (message.protocol !== protocolVersion) {
          fail("it runs another version of mnas", "Install the same version on both machines.");
          return channel.close(closeCodes.ended, "another version");
        }
        peer = createPeer({
          name,
          hello: message,
          origin: "native",
          channel,
          patienceMs: defaultPatienceMs,
          onPaused: (reason) => warn(`${name} has stopped for now: ${reason}`),
        });
        channel.send({ kind: "welcome", name: "device", session: "" });
        resolve(peer);
      },
      onClose: (why) => {
        if (peer !== null) {
          if (why.isMisbehaviour) warn(`${name} was disconnected, for it sent ${why.reason}`);
          return peer.closed(why);
        }
        const broken = cause === null ? why.reason : (reasons[cause.code ?? ""] ?? cause.message);
        if (why.isMisbehaviour) fail(`it sent ${why.reason}`, startHint);
        else fail(broken === "" ? "it closed the connection" : broken, startHint);
      },
    });
  });
}

/**
 * Another machine on which `mnas device serve` runs: ONNX Runtime there, as `host` measures here.
 *
 * @param given `tcp://[TOKEN@]HOST[:PORT]`; without a token, that of the environment (MNAS_TOKEN).
 * @throws MnasError `DEVICE_UNAVAILABLE` when it cannot be reached or refuses the token; the reason of `options.signal`.
 */
export async function openTcp(given: string, options: OpenOptions = {}): Promise<LatencyDevice> {
  const target = parseTarget(given);
  const { onNotice = () => {}, signal } = options;
  let peer: Peer | null = null;
  const redial = async (stop: AbortSignal): Promise<Peer> => {
    for (let i = 1; ; i++) {
      try {
        return await dial(target, { onNotice, signal: stop });
      } catch (error) {
        if (stop.aborted || i === redials) throw error;
        await sleep(redialMs, undefined, { signal: stop });
      }
    }
  };
  return openRemote(
    {
      name: target.name,
      origin: "native",
      runtime: null,
      connect: async (stop, isFirst) => {
        if (peer?.isOpen !== true) peer = await (isFirst ? dial(target, { onNotice, signal: stop }) : redial(stop));
        return peer;
      },
      warn: (message) => onNotice({ event: "warning", message }),
      close: async () => peer?.close(closeCodes.ended, "the search has ended"),
    },
    signal,
  );
}
