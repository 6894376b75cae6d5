import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { MnasError } from "../../errors.ts";
import { withPort, type Address } from "./address.ts";
import { closeCodes, socketPath } from "./messages.ts";

interface ListenOptions {
  readonly address: Address;
  readonly onRequest: RequestListener;
  /** An HTTP status to refuse a WebSocket with, before it is one; null to take it. */
  readonly refusal: (request: IncomingMessage) => Refusal | null;
  readonly onSocket: (socket: WebSocket, request: IncomingMessage) => void;
  /** Largest frame in bytes. */
  readonly mostBytes: number;
}

export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 503;
  readonly text: string;
}

export interface Listening extends AsyncDisposable {
  /** The host as asked for, the port as it is. */
  readonly address: Address;
}

/** Connections of any kind at a time; a browser opens several for one page. */
const mostConnections = 128;

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there",
  EADDRNOTAVAIL: "this machine has no such address",
  EACCES: "permission denied",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "there is no such host",
};

function explain(error: NodeJS.ErrnoException, { host, port }: Address): MnasError {
  const why = reasons[error.code ?? ""] ?? error.message;
  const hint =
    error.code === "EADDRINUSE"
      ? "End the other one, perhaps another mnas, or choose another port."
      : "Use 127.0.0.1 for this machine alone, 0.0.0.0 for all that can reach it.";
  return new MnasError("DEVICE_UNAVAILABLE", `Cannot listen on ${withPort(host, port)}: ${why}`, {
    hint,
    cause: error,
  });
}

async function bind(server: Server, { host, port }: Address): Promise<Address> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  }).catch((error: NodeJS.ErrnoException) => {
    throw explain(error, { host, port });
  });
  return { host, port: (server.address() as AddressInfo).port };
}

/**
 * An HTTP server that speaks WebSocket at `socketPath`.
 *
 * @throws MnasError `DEVICE_UNAVAILABLE` when it cannot listen there.
 */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { onRequest, refusal, onSocket, mostBytes } = options;
  const server = createServer({ headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 5000 }, onRequest);
  server.maxConnections = mostConnections;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: mostBytes, perMessageDeflate: false });
  // What is no HTTP, or a connection that breaks off, is nobody's business.
  server.on("clientError", (_error, socket) => socket.destroy());
  sockets.on("wsClientError", (_error, socket) => socket.destroy());
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const isSocket = (request.url ?? "").replace(/\?.*$/s, "") === socketPath;
    const why = isSocket ? refusal(request) : ({ status: 404, text: "Not found" } as const);
    if (why === null) return sockets.handleUpgrade(request, socket, head, onSocket);
    const body = `${why.text}\n`;
    const type = "Content-Type: text/plain; charset=utf-8\r\nConnection: close";
    const header = `HTTP/1.1 ${why.status} Refused\r\n${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
    socket.end(header + body, () => socket.destroy());
  });
  const address = await bind(server, options.address);
  // A connection that cannot be accepted, for want of files, is not worth a search.
  server.on("error", () => {});
  return {
    address,
    [Symbol.asyncDispose]: async () => {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets.clients) socket.close(closeCodes.ended, "it has ended");
      // Those who do not answer in time are cut.
      const late = setTimeout(() => {
        for (const socket of sockets.clients) socket.terminate();
        server.closeAllConnections();
      }, 500);
      server.closeIdleConnections();
      await closed;
      clearTimeout(late);
    },
  };
}
