/* Entry of the process in which the host device runs models, with a message channel to its parent. */
import { cpus, release, type as systemName } from "node:os";
import { MnasError } from "../errors.ts";
import { allowedCores } from "./cores.ts";
import type { Reply, Request } from "./host-messages.ts";
import { createTimer, threads } from "./host-session.ts";
import { leaveSignalsToParent } from "../util/signals.ts";
import { openQuietLock } from "../util/quiet.ts";
import { loadRuntime } from "./runtime.ts";

// A reply that cannot be sent is for a parent that is gone, which `disconnect` tells.
const say = (reply: Reply): void => void process.send?.(reply, undefined, undefined, () => {});

// Without its parent nobody wants the answer, and the lock must be given back.
process.on("disconnect", () => process.exit(0));
leaveSignalsToParent();

const failed = (error: unknown): Reply => ({
  kind: "failed",
  code: error instanceof MnasError ? error.code : null,
  message: error instanceof Error ? error.message : String(error),
  hint: error instanceof MnasError ? error.hint : undefined,
  cause: String(error instanceof Error && error.cause !== undefined ? error.cause : error),
});

async function serve(): Promise<void> {
  // ONNX Runtime 1.30.0 reads a Float16Array as an array of no bytes; without that class it uses whole numbers of 16 bits.
  Reflect.deleteProperty(globalThis, "Float16Array");
  const runtime = await loadRuntime();
  const runtimeVersion = runtime.env.versions.node ?? "unknown";
  const os = `${systemName()} ${release()} ${process.arch}`;
  const cpu = cpus()[0]?.model.trim() ?? "unknown CPU";
  const time = await createTimer(runtime, openQuietLock(), allowedCores());
  process.on("message", ({ options, ...request }: Request) => {
    time(request, options).then(
      (timing) => {
        const where = { threads, device: cpu, runtime: "ONNX Runtime", runtimeVersion, provider: "CPU", os } as const;
        say({ kind: "latency", latency: { ...timing, ...where, origin: "native", time: new Date().toISOString() } });
      },
      (error: unknown) => say(failed(error)),
    );
  });
  say({ kind: "ready", cpu, runtimeVersion, threads });
}

serve().catch((error: unknown) => say(failed(error)));
