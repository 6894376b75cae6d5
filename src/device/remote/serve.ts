import type { Latency } from "../../latency.ts";
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { MnasError } from "../../errors.ts";
import type { LatencyDevice } from "../device.ts";
import { doNothingModel } from "../overhead.ts";
import type { Address } from "./address.ts";
import { Misbehaviour, openChannel, type Channel } from "./channel.ts";
import { listen } from "./listen.ts";
import {
  closeCodes,
  limits,
  protocolVersion,
  type DeviceMessage,
  type Hello,
  type Job,
  type SearchMessage,
} from "./messages.ts";
import { parseSearchMessage } from "./schemas.ts";
import { digestOf, matches } from "./secrets.ts";
import { refuse } from "./site.ts";
import { throttled } from "./throttle.ts";

export interface ServeOptions {
  readonly address: Address;
  /** What a search must know; good for any number of connections. */
  readonly token: string;
  /** Told of searches that come and go. */
  readonly say?: (line: string) => void;
}

export interface Serving extends AsyncDisposable {
  readonly address: Address;
}

/** Searches that may wait while another is served. */
const mostWaiting = 8;
const mostChars = 65_536;
/** Jobs of one search, of which it has cancelled all but one. */
const mostOpen = 4;

/** A search that is connected. */
interface Client {
  readonly channel: Channel<DeviceMessage>;
  readonly from: string;
  /** Ends what it asked for. */
  readonly gone: AbortController;
  /** Its model is the next frame. */
  expected: Job | null;
  /** Ends each job that was not answered yet; of several, all but the last were cancelled. */
  readonly open: Map<string, AbortController>;
}

/** What a device says of itself, which it knows once it has measured something. */
async function introduce(device: LatencyDevice): Promise<Hello> {
  const nothing = doNothingModel({ in: { dims: [1] } }, { out: { dims: [1] } });
  const least = { warmupMs: 1, minMs: 1, maxMs: 1 };
  const latency: Latency = await device.measure(
    { name: "nothing", madds: null, graph: null, onnx: () => nothing, tflite: null },
    least,
  );
  const { device: hardware, os, runtime, runtimeVersion: version, provider, threads } = latency;
  const offer = { id: "onnx-cpu", runtime, version, provider, threads, format: "onnx" } as const;
  return { kind: "hello", protocol: protocolVersion, name: device.name, device: hardware, os, runtimes: [offer] };
}

/**
 * Measures models on a device of this machine for searches that run elsewhere, one search after the other.
 *
 * @throws MnasError `DEVICE_UNAVAILABLE` when it cannot listen there, or the device does not work.
 */
export async function serveDevice(device: LatencyDevice, options: ServeOptions): Promise<Serving> {
  const { address, token, say = () => {} } = options;
  const hello = await introduce(device);
  const bearer = digestOf(`Bearer ${token}`);
  const warn = throttled(say);
  /** The first is served. */
  let clients: readonly Client[] = [];

  const begin = (client: Client): void => {
    say(`serving the search at ${client.from}`);
    client.channel.send(hello);
  };
  const leave = (client: Client, reason: string): void => {
    client.gone.abort();
    const [first] = clients;
    clients = clients.filter((each) => each !== client);
    say(`the search at ${client.from} has left${reason === "" ? "" : ` (${reason})`}`);
    if (first === client && clients[0] !== undefined) begin(clients[0]);
  };

  const run = async ({ channel, open }: Client, job: Job, model: Uint8Array, signal: AbortSignal): Promise<void> => {
    const { id, name, options: timing } = job;
    try {
      // Loading is part of what the device does from here on.
      channel.send({ kind: "started", id });
      const { startMs: _startMs, ...how } = timing;
      const latency = await device.measure(
        { name, madds: null, graph: null, onnx: () => model, tflite: null },
        { ...how, signal },
      );
      const { medianMs, p90Ms, lowMs, highMs, runs, warmup, overheadMs, isUnstable } = latency;
      const numbers = { medianMs, p90Ms, lowMs, highMs, runs, warmup, overheadMs, isUnstable };
      channel.send({ kind: "measured", id, ...numbers });
    } catch (error) {
      if (signal.aborted) return;
      const isModel = error instanceof MnasError && error.code === "MODEL_INVALID";
      const message = error instanceof Error ? error.message : String(error);
      channel.send({ kind: "failed", id, code: isModel ? "MODEL_INVALID" : "DEVICE_UNAVAILABLE", message });
    } finally {
      open.delete(id);
    }
  };

  const serve = (socket: WebSocket, request: IncomingMessage): void => {
    const onMessage = (message: SearchMessage): void => {
      if (message.kind === "refused") return channel.close(closeCodes.ended, message.reason);
      if (message.kind === "cancel") return client.open.get(message.id)?.abort();
      if (message.kind !== "job") return;
      if (clients[0] !== client || client.open.size >= mostOpen) throw new Misbehaviour("a job out of turn");
      client.expected = message;
      client.open.set(message.id, new AbortController());
    };
    const onModel = (model: Uint8Array): void => {
      const job = client.expected;
      if (job === null) throw new Misbehaviour("a model without a job");
      const sha256 = createHash("sha256").update(model).digest("hex");
      if (model.length !== job.bytes || sha256 !== job.sha256) throw new Misbehaviour("another model than the job's");
      client.expected = null;
      const stop = client.open.get(job.id)!;
      void run(client, job, model, AbortSignal.any([client.gone.signal, stop.signal]));
    };
    const channel: Channel<DeviceMessage> = openChannel(socket, {
      parse: parseSearchMessage,
      mostChars: () => mostChars,
      onMessage,
      onModel,
      onClose: ({ reason }) => leave(client, reason),
    });
    const from = request.socket.remoteAddress ?? "an unknown address";
    const client: Client = { channel, from, gone: new AbortController(), expected: null, open: new Map() };
    clients = [...clients, client];
    if (clients.length === 1) return begin(client);
    say(`the search at ${from} waits; ${clients.length - 1} before it`);
    channel.send({ kind: "waiting", ahead: clients.length - 1 });
  };

  /** No browser, and the token. */
  const isAllowed = ({ headers }: IncomingMessage): boolean =>
    headers.origin === undefined && matches(headers.authorization ?? "", bearer);

  const server = await listen({
    address,
    mostBytes: limits.modelBytes,
    onRequest: (_request, response) => refuse(response, 404, "This is a device for mnas searches"),
    refusal: (request) => {
      if (!isAllowed(request)) {
        warn(`a connection from ${request.socket.remoteAddress ?? "an unknown address"} was refused: wrong token`);
        return { status: 401, text: "Wrong token" };
      }
      return clients.length > mostWaiting ? { status: 503, text: "Busy" } : null;
    },
    onSocket: serve,
  });
  return {
    address: server.address,
    [Symbol.asyncDispose]: async () => {
      for (const { gone } of clients) gone.abort();
      await server[Symbol.asyncDispose]();
    },
  };
}
