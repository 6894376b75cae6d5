import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { parseCores } from "../src/device/cores.ts";
import { openMadds } from "../src/device/madds.ts";
import { deviceNames, openDevice } from "../src/device/open.ts";
import type { LatencyDevice } from "../src/device/device.ts";
import { openHost } from "../src/device/host.ts";
import { openPage } from "../src/device/remote/page.ts";
import { serveDevice, type Serving } from "../src/device/remote/serve.ts";
import { makePhones } from "./adb/phones.ts";
import { deviceConformance } from "./contract/device.ts";
import { brief, networkModel } from "./device-models.ts";
import { scratch } from "./mnas.ts";
import { joinAs, pageFolder } from "./page-client.ts";
import { fitModel } from "../src/device/predict/models.ts";
import { pointOf, writePredictor } from "../src/device/predict/predictor.ts";
import { provenanceOf } from "../src/device/provenance.ts";
import { keyOf, layeredParts } from "../src/device/table/parts.ts";
import { emptyTable, writeTable } from "../src/device/table/table.ts";

const space = scratch();
for (const [name, value] of Object.entries(makePhones(join(space.dir, "phones")).env)) vi.stubEnv(name, value);
const anywhere = { host: "127.0.0.1", port: 0 };

/** A page device whose page is a stand-in in this process, with the runtime of Node. */
const openStandIn = (): Promise<LatencyDevice> =>
  openPage("page", "", {
    join: { address: anywhere, folder: pageFolder(space.dir), stateFile: join(space.dir, "sessions.json") },
    onNotice: (notice) => notice.event === "join" && joinAs(notice.urls[0]!),
  });

const token = "of-this-test-alone";
let host: LatencyDevice | undefined;
const servings: Serving[] = [];

/** A tcp device over one that is served in this process. A second search would wait for the first, so each has its own. */
async function openServed(): Promise<LatencyDevice> {
  host ??= await openHost();
  const serving = await serveDevice(host, { address: anywhere, token });
  servings.push(serving);
  return openDevice(`tcp://${token}@127.0.0.1:${serving.address.port}`);
}
afterAll(async () => {
  for (const serving of servings) await serving[Symbol.asyncDispose]();
  await host?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  space[Symbol.dispose]();
});

deviceConformance("host", false, () => openDevice("host"));
deviceConformance("madds", true, () => openDevice("madds"));
deviceConformance("page", false, openStandIn);
deviceConformance("tcp", false, openServed);
deviceConformance("adb", false, () => openDevice("adb"));

const folder = scratch();
afterAll(() => folder[Symbol.dispose]());
const [tableFile, predictorFile] = ["t.json", "p.json"].map((name) => join(folder.dir, name)) as [string, string];
const networks = [
  [0.1, 28],
  [0.25, 56],
  [0.5, 112],
].map(([width, size]) => networkModel(width!, size));
const measuredOn = provenanceOf(openMadds(), await openMadds().measure(networks[0]!));
writeTable(tableFile, {
  ...emptyTable(measuredOn),
  isComplete: true,
  entries: Object.fromEntries(
    networks.flatMap(({ arch }) =>
      layeredParts(arch!).map((part) => [keyOf(part), part.size[0] * part.size[2] * 1e-4]),
    ),
  ),
});
const samples = networks.map((model) => ({ ...pointOf(model, null), ms: model.madds! / 4e6 }));
writePredictor(predictorFile, {
  kind: "latency-predictor",
  version: "0",
  measuredOn,
  time: null,
  space: "zoo",
  task: { height: 28, width: 28, channels: 1, classes: 10 },
  samples: samples.length,
  heldOut: { mape: 0, kendall: 1, spearman: 1, networks: 3 },
  model: fitModel("costs, corrected", samples),
  prior: null,
});
deviceConformance(`table:${tableFile}`, true, () => openDevice(`table:${tableFile}`));
deviceConformance(`predictor:${predictorFile}`, true, () => openDevice(`predictor:${predictorFile}`));

test("the contract holds for every device that openDevice() knows", () => {
  expect(deviceNames).toEqual(["host", "madds", "table", "predictor", "page", "adb", "tcp"]);
});

test("openDevice() names the devices there are", async () => {
  await expect(openDevice("pixel")).rejects.toMatchObject({
    code: "DEVICE_INVALID",
    message: 'Cannot open device "pixel": no such device',
    hint: "Use one of host, madds, table:FILE, predictor:FILE, page[:NAME][@RUNTIME], adb[:SERIAL][@MASK][@onnx], tcp://HOST:PORT.",
  });
});

test("madds takes a millisecond for 4 million multiply-adds, and never builds the model", async () => {
  await using device = await openDevice("madds");
  const onnx = (): never => expect.unreachable("the proxy needs no model");
  expect(await device.measure({ name: "any", madds: 6e6, graph: null, onnx, tflite: null })).toMatchObject({
    medianMs: 1.5,
    origin: "proxy",
  });
});

test("host names the runtime that the model ran in", async () => {
  await using device = await openDevice("host");
  const latency = await device.measure(networkModel(0.1), brief);
  expect(latency).toMatchObject({ runtime: "ONNX Runtime", provider: "CPU", threads: 1 });
  expect(latency.runtimeVersion).toMatch(/^\d+\.\d+\.\d+/);
  expect(device.description).toBe(`${latency.device}, 1 thread, ONNX Runtime ${latency.runtimeVersion} CPU`);
});

test("parseCores() reads a list of ranges, and spreads over a long one", () => {
  expect(parseCores("0")).toEqual([0]);
  expect(parseCores("0-2,5,7-8")).toEqual([0, 1, 2, 5, 7, 8]);
  expect(parseCores("0-63")).toEqual([0, 8, 16, 24, 32, 40, 48, 56]);
});
