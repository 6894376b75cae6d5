import { MnasError } from "../errors.ts";

/**
 * ONNX Runtime, with its telemetry off: by default it keeps a device id in the user's home folder.
 *
 * @throws MnasError `DEVICE_UNAVAILABLE` when it does not load.
 */
export async function loadRuntime(): Promise<typeof import("onnxruntime-node")> {
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
  try {
    return await import("onnxruntime-node");
  } catch (cause) {
    throw new MnasError("DEVICE_UNAVAILABLE", "Cannot run models: ONNX Runtime does not load", {
      hint: "Install it again with `npm ci`; it has binaries for Linux, macOS and Windows on x64 and arm64.",
      cause,
    });
  }
}
