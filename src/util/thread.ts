import { Worker } from "node:worker_threads";

interface Waiting<Reply> {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** A worker thread that answers orders. */
export interface Thread<Order, Reply> {
  /** Rejects with what the thread dies of. */
  ask(order: Order): Promise<Reply>;
}

/**
 * A thread that is started by the first order, again after it died, and keeps the process alive only while somebody waits.
 * Orders and replies carry an `id`, which is added here.
 */
export function createThread<Order extends object, Reply extends { readonly id: number }>(
  entry: URL,
): Thread<Order, Reply> {
  let running: { readonly worker: Worker; readonly waiting: Map<number, Waiting<Reply>> } | null = null;
  let serial = 0;

  const start = (): NonNullable<typeof running> => {
    // Options of the process may be for its own entry.
    const worker = new Worker(entry, { execArgv: [] });
    const waiting = new Map<number, Waiting<Reply>>();
    const take = (id: number): Waiting<Reply> | undefined => {
      const found = waiting.get(id);
      waiting.delete(id);
      if (waiting.size === 0) worker.unref();
      return found;
    };
    worker.on("message", (reply: Reply) => take(reply.id)?.resolve(reply));
    worker.on("error", (error: Error) => {
      running = null;
      for (const [id] of waiting) take(id)?.reject(error);
    });
    return { worker, waiting };
  };

  return {
    ask: (order) => {
      const { worker, waiting } = (running ??= start());
      const id = serial++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.ref();
        worker.postMessage({ ...order, id });
      });
    },
  };
}
