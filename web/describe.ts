import type { PageRuntime, RuntimeOffer } from "../src/device/remote/messages.ts";
import { gpuIn, identify, type Hints, type Identity } from "./identify.ts";

declare const ONNX_VERSION: string;
declare const LITERT_VERSION: string;

/** What this device is, as far as its browser tells. */
export interface Description extends Identity {
  /** For records: the model and what is inside. */
  readonly device: string;
  readonly os: string;
  readonly runtimes: readonly RuntimeOffer[];
  /** Names and values for people. */
  readonly facts: readonly (readonly [name: string, value: string])[];
}

/** What only some browsers have. */
interface Extras {
  readonly deviceMemory?: number;
  readonly userAgentData?: { getHighEntropyValues(hints: readonly string[]): Promise<Hints> };
}

async function hintsOf({ userAgentData }: Extras): Promise<Hints> {
  try {
    return (await userAgentData?.getHighEntropyValues(["model", "platformVersion"])) ?? {};
  } catch {
    return {};
  }
}

/** The GPU that draws pages, or null; it tells phones apart whose browsers hide their model. */
function drawingGpu(): string | null {
  const gl = document.createElement("canvas").getContext("webgl");
  if (gl === null) return null;
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(info?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return gpuIn(name);
}

/** The GPU that WebGPU gives: its name, or null. Never throws. */
async function computingGpu(): Promise<string | null> {
  try {
    const info = (await navigator.gpu?.requestAdapter())?.info;
    if (info === undefined) return null;
    return info.description || [info.vendor, info.architecture].filter((word) => word !== "").join(" ") || "unnamed";
  } catch {
    return null;
  }
}

const onnx = { runtime: "ONNX Runtime Web", version: ONNX_VERSION, format: "onnx" } as const;
const litert = { runtime: "LiteRT.js", version: LITERT_VERSION, format: "tflite" } as const;
const wasm = { provider: "WebAssembly", threads: 1 } as const;
const webgpu = { provider: "WebGPU", threads: 1 } as const;

const runtimes: readonly (RuntimeOffer & { readonly id: PageRuntime })[] = [
  { id: "onnx-wasm", ...onnx, ...wasm },
  { id: "litert-wasm", ...litert, ...wasm },
  { id: "onnx-webgpu", ...onnx, ...webgpu },
  { id: "litert-webgpu", ...litert, ...webgpu },
];

/** What networks can run in here, the default first. */
const runtimesOf = (hasGpu: boolean): RuntimeOffer[] =>
  runtimes.filter(({ provider }) => hasGpu || provider !== webgpu.provider);

/** Asks the browser what it and its device are. */
export async function describe(grainMs: number): Promise<Description> {
  const extras = navigator as Extras;
  const identity = identify(navigator.userAgent, await hintsOf(extras), navigator.maxTouchPoints);
  const [drawing, computing] = [drawingGpu(), await computingGpu()];
  const cores = navigator.hardwareConcurrency;
  const memory = extras.deviceMemory === undefined ? null : `${extras.deviceMemory} GB`;
  const noGpu = isSecureContext ? "no WebGPU in this browser" : "no WebGPU on plain http";
  return {
    ...identity,
    device: [identity.model, drawing ?? computing, `${cores} cores`]
      .filter((part) => part !== null)
      .join(", ")
      .slice(0, 200),
    os: `${identity.system}, ${identity.browser}`,
    runtimes: runtimesOf(computing !== null),
    facts: [
      ["Device", identity.model],
      ["System", identity.system],
      ["Browser", identity.browser],
      ["Processor", memory === null ? `${cores} cores` : `${cores} cores, about ${memory}`],
      ["GPU", `${drawing ?? computing ?? "none"}; ${computing === null ? noGpu : "WebGPU"}`],
      ["Clock", `steps of ${grainMs} ms${crossOriginIsolated ? "" : ", as the page is not isolated"}`],
    ],
  };
}
