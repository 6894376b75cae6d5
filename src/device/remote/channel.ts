import type { RawData, WebSocket } from "ws";
import { closeCodes, heartbeatMs, limits } from "./messages.ts";

/** Messages both ways over a WebSocket. What the other side sends is checked here, or never reaches anybody. */
export interface Channel<Out> {
  /** Sends a message, and the model that goes with it. Does nothing when the connection is closed. */
  send(message: Out, model?: Uint8Array): void;
  close(code: number, reason: string): void;
}

/** What the other side must not do; it ends the connection, and nothing else. */
export class Misbehaviour extends Error {}

export interface ChannelOptions<In> {
  /** The message in a text frame, or what is wrong with it. */
  readonly parse: (text: string) => In | Error;
  /** Longest text frame that is taken now. */
  readonly mostChars: () => number;
  /** May throw {@link Misbehaviour}. */
  readonly onMessage: (message: In) => void;
  /** Takes a binary frame, where there may be one. May throw {@link Misbehaviour}. */
  readonly onModel?: (bytes: Uint8Array) => void;
  /** Called once. */
  readonly onClose: (why: Closed) => void;
}

/** How a connection ended. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
  /** Whether we closed it for what came from the other side. */
  readonly isMisbehaviour: boolean;
}

/** A connection that does not end in this time after it was told to is cut. */
const closingMs = 1000;

/** Refuses more messages than `limits` allow: as many tokens as a bucket holds, filled at a steady rate. */
function createBucket(now: () => number = () => performance.now()): () => boolean {
  let left: number = limits.burst;
  let before = now();
  return () => {
    const time = now();
    left = Math.min(limits.burst, left + ((time - before) / 1000) * limits.perSecond);
    before = time;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

const bytesOf = (data: RawData): Buffer => {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
};

/** Opens a channel over a connected socket, which is its own from now on. */
export function openChannel<In, Out>(socket: WebSocket, options: ChannelOptions<In>): Channel<Out> {
  const { parse, mostChars, onMessage, onModel, onClose } = options;
  const mayPass = createBucket();
  let end: Closed | null = null;
  let isHeard = true;

  const close = (code: number, reason: string, isMisbehaviour = false): void => {
    if (end !== null) return;
    end = { code, reason, isMisbehaviour };
    // The protocol has room for 123 bytes.
    socket.close(code, Buffer.from(reason).subarray(0, 120).toString().replace(/�+$/, ""));
    setTimeout(() => socket.terminate(), closingMs).unref();
    finish();
  };
  const finish = (): void => {
    clearInterval(heart);
    onClose(end!);
  };
  const take = (data: RawData, isBinary: boolean): void => {
    if (!mayPass()) throw new Misbehaviour("too many messages");
    if (isBinary) {
      if (onModel === undefined) throw new Misbehaviour("a binary message");
      return onModel(bytesOf(data));
    }
    const bytes = bytesOf(data);
    if (bytes.length > mostChars()) throw new Misbehaviour("a message that is too long");
    const message = parse(bytes.toString());
    if (message instanceof Error) throw new Misbehaviour(message.message);
    onMessage(message);
  };

  const heart = setInterval(() => {
    // A ping waits behind a model that is being sent.
    if (!isHeard && socket.bufferedAmount === 0) return close(closeCodes.silent, "it does not answer");
    isHeard = false;
    if (socket.readyState === socket.OPEN) socket.ping();
  }, heartbeatMs);

  socket.on("message", (data, isBinary) => {
    isHeard = true;
    if (end !== null) return;
    try {
      take(data, isBinary);
    } catch (error) {
      if (!(error instanceof Misbehaviour)) throw error;
      close(closeCodes.misbehaved, error.message, true);
    }
  });
  socket.on("pong", () => (isHeard = true));
  // What breaks the protocol of WebSockets, or a frame over `maxPayload`. Errors of the network end in `close`.
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code?.startsWith("WS_ERR") === true) close(closeCodes.misbehaved, error.message, true);
  });
  socket.on("close", (code, reason) => {
    if (end !== null) return;
    end = { code, reason: reason.toString(), isMisbehaviour: false };
    finish();
  });

  return {
    send: (message, model) => {
      if (end !== null || socket.readyState !== socket.OPEN) return;
      // A failure to send is that of the connection, which `close` tells.
      socket.send(JSON.stringify(message), () => {});
      if (model !== undefined) socket.send(model, () => {});
    },
    close,
  };
}
