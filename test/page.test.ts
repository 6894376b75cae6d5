import { join as joinPath } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import type { DeviceModel, LatencyDevice } from "../src/device/device.ts";
import type { Notice } from "../src/device/options.ts";
import { reachableHosts } from "../src/device/remote/address.ts";
import { openJoinServer, type JoinServer } from "../src/device/remote/join-server.ts";
import type { Work } from "../src/device/remote/peer.ts";
import { openPage } from "../src/device/remote/page.ts";
import { toOnnx } from "../src/lower/onnx.ts";
import { elementTypes } from "../src/lower/onnx-proto.ts";
import { toTflite } from "../src/lower/tflite.ts";
import { parseArch } from "../src/space/notation.ts";
import { browserPath, killGpu, openBrowser, skipReason, type Browser, type Page } from "./browser.ts";
import { brief, networkModel } from "./device-models.ts";
import { foreignModel } from "./model-files.ts";
import { scratch, start } from "./mnas.ts";
import { buildPage, type Evaluate } from "./page-site.ts";
import { distance, largest, startEngine } from "./start-engine.ts";

/** A job for a device that joined. */
function workOf(
  runtime: `${"onnx" | "litert"}-${"wasm" | "webgpu"}`,
  network: DeviceModel,
  timing: typeof brief,
): Work {
  const format = runtime.startsWith("onnx") ? "onnx" : "tflite";
  const options = { ...timing, minRuns: 9, tolerance: 0.05, loadMs: 0, startMs: 60_000 };
  return { job: { name: network.name, runtime, format, options }, model: network[format]!(), plausible: () => true };
}

describe.skipIf(browserPath === null)(`the page, in Chromium${skipReason}`, () => {
  const space = scratch();
  const folder = joinPath(space.dir, "web");
  let files = 0;
  let browser: Browser;
  let closeBrowser: () => Promise<void>;
  let outputs: string;

  beforeAll(async () => {
    ({ outputs } = await buildPage(folder));
    ({ browser, close: closeBrowser } = await openBrowser());
  });
  afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
  afterAll(async () => {
    await closeBrowser();
    space[Symbol.dispose]();
  });

  /** Long enough to do something meanwhile. */
  const long = { warmupMs: 6, minMs: 600, maxMs: 600 };
  /** Long enough for the browser to compile what it runs. */
  const settled = { ...brief, warmupMs: 30 };
  const stateFile = (): string => joinPath(space.dir, `${files++}`, "sessions.json");
  const options = (port = 0, file = stateFile()) => ({ address: { host: "127.0.0.1", port }, folder, stateFile: file });
  const inviteTo = (server: JoinServer): string[] => {
    const urls: string[] = [];
    server.invite(null, ([url]) => urls.push(url!));
    return urls;
  };
  /** A browser that has never been here, on a page. */
  const visit = async (url: string, by: Browser = browser): Promise<Page> => {
    const page = await (await by.newContext()).newPage();
    await page.goto(url);
    return page;
  };
  const sees = (page: Page, text: string | RegExp): Promise<void> =>
    page.locator("#state").getByText(text).first().waitFor();
  const results = (page: Page): Promise<string[]> => page.locator("#results tbody tr").allInnerTexts();

  /** A device of a search, and the page that joined as it. */
  const openJoined = async (
    name = "page",
    runtime = "",
    join = options(),
  ): Promise<{ device: LatencyDevice; page: Page }> => {
    let page: Promise<Page> | undefined;
    const onNotice = (notice: Notice): void => {
      if (notice.event === "join") page ??= visit(notice.urls[0]!);
    };
    const device = await openPage(name, runtime, { join, onNotice });
    return { device, page: await page! };
  };

  test("joins by the token of its address, which it takes out of there, and says so", async () => {
    await using server = await openJoinServer(options());
    const [url] = inviteTo(server);
    const page = await visit(url!);
    await sees(page, "Joined as linux-chrome");
    expect(page.url()).toBe(`${new URL(url!).origin}/`);
    const [peer] = server.peers();
    expect(peer).toMatchObject({ name: "linux-chrome", origin: "web" });
    expect(peer!.hello.os).toMatch(/^Linux.*, Chrome \d+$/);
    expect(peer!.hello.runtimes.map(({ id }) => id).slice(0, 2)).toEqual(["onnx-wasm", "litert-wasm"]);
  });

  test.skipIf(reachableHosts("0.0.0.0")[0] === "localhost").each(["onnx-wasm", "litert-wasm"])(
    "joins and measures with %s over plain http in a network, where pages are not secure",
    async (runtime) => {
      const join = { ...options(), address: { host: "0.0.0.0", port: 0 } };
      const { device, page } = await openJoined("page", `@${runtime}`, join);
      await using _ = device;
      expect(new URL(page.url()).hostname).not.toBe("localhost");
      expect(await page.evaluate("isSecureContext")).toBe(false);
      const { medianMs, threads, origin } = await device.measure(networkModel(0.25, 56), settled);
      expect(medianMs).toBeGreaterThan(0);
      expect({ threads, origin }).toEqual({ threads: 1, origin: "web" });
    },
  );

  test("says what is wrong with a token, and does not try it again by itself", async () => {
    await using server = await openJoinServer(options());
    const page = await visit(`http://localhost:${server.address.port}/#nonsense`);
    await sees(page, "Not joined");
    await sees(page, "This link is not known here. Use the newest one that mnas shows.");
    expect(server.peers()).toEqual([]);
  });

  test.each(["onnx-wasm", "litert-wasm"] as const)(
    "%s measures networks of very different cost in their order, on one thread",
    async (runtime) => {
      await using server = await openJoinServer(options());
      const [url] = inviteTo(server);
      const page = await visit(url!);
      await sees(page, "Joined as linux-chrome");
      const [peer] = server.peers();
      expect(peer!.hello.runtimes.find(({ id }) => id === runtime)).toMatchObject({
        provider: "WebAssembly",
        threads: 1,
      });
      // The largest first: what the browser has not compiled yet only makes it slower still.
      const medians = [];
      for (const network of [networkModel(1, 112), networkModel(0.25, 56), networkModel(0.1)]) {
        const { medianMs, overheadMs } = await peer!.run(workOf(runtime, network, settled));
        expect(overheadMs).toBeGreaterThan(0);
        medians.push(medianMs);
      }
      expect(medians[2]).toBeGreaterThan(0);
      expect(medians).toEqual(medians.toSorted((a, b) => b - a));
      const rows = (await results(page)).map((row) => row.split("\n")[0]!.trim());
      expect(rows).toEqual(["network × 0.1", "network × 0.25", "network × 1"]);
      await sees(page, /3 networks done/);
    },
  );

  test.each([
    "in28x28x1 stem8_k3_s22 r1_k3_s11_e1_i8_o8 r2_k5_s22_e3_i8_o12_se0.25 r1_k3_s22_conv_i12_o16_pool_hswish head24 classes10",
    "in33x20x3 stem12_k3_s22 r2_k3_s22_e6_i12_o16 r1_k7_s22_e3_i16_o24_hswish head40 classes5",
  ])("both runtimes compute what our engine computes: %s", async (notation) => {
    const graph = buildGraph(parseArch(notation));
    const { engine, weights } = await startEngine(graph, 1, { batch: 1 });
    const image = [
      ...engine.images.subarray(
        0,
        graph.input.shape.reduce((n, size) => n * size, 1),
      ),
    ];
    const ours = [...engine.evaluate()];
    const [height, width, channels] = graph.input.shape;
    const metadata = {
      version: "0",
      notation,
      classes: [],
      preprocessing: { height, width, channels, mean: [], deviation: [] },
    };
    const nchw = image.map((_, i) => image[(i % (height * width)) * channels + Math.floor(i / (height * width))]!);

    await using server = await openJoinServer(options());
    const page = await visit(`http://localhost:${server.address.port}/`);
    await page.addScriptTag({ url: outputs, type: "module" });
    await page.waitForFunction("globalThis.evaluate");
    const evaluate = (...args: Parameters<Evaluate>): Promise<number[]> =>
      page.evaluate(`evaluate(...${JSON.stringify(args)})`);
    const onnx = await evaluate("onnx", [...toOnnx(graph, weights, metadata)], nchw);
    const litert = await evaluate("litert", [...toTflite(graph, weights, metadata)], image);
    expect(distance(onnx, ours, 1)).toBeLessThan(1e-4);
    expect(distance(litert, ours, 1)).toBeLessThan(1e-4);
    expect(largest(ours)).toBeGreaterThan(0.01);
  });

  test("fails a model that it cannot run, says why, and goes on", async () => {
    const { device, page } = await openJoined();
    await using _ = device;
    const broken = { name: "broken.onnx", madds: null, graph: null, tflite: null, onnx: () => Uint8Array.of(1, 2, 3) };
    await expect(device.measure(broken, brief)).rejects.toMatchObject({ code: "MODEL_INVALID" });
    expect((await results(page))[0]).toMatch(/broken\.onnx.*failed/s);
    expect((await device.measure(networkModel(0.1), brief)).medianMs).toBeGreaterThan(0);
  });

  test.each(["uint8", "float16", "int64", "bool"] as const)("measures a network whose input is %s", async (type) => {
    const { device } = await openJoined();
    await using _ = device;
    const bytes = foreignModel({ element: elementTypes[type] });
    const model = { name: `${type}.onnx`, madds: null, graph: null, tflite: null, onnx: () => bytes };
    expect((await device.measure(model, brief)).medianMs).toBeGreaterThan(0);
  });

  test("is given a job again after it was loaded again in the middle of it", async () => {
    const { device, page } = await openJoined();
    await using _ = device;
    const latency = device.measure(networkModel(0.25, 56), long);
    await sees(page, "Measuring");
    await page.reload();
    await sees(page, "Measuring");
    expect((await latency).medianMs).toBeGreaterThan(0);
    await sees(page, /1 network done/);
  });

  test("a tab that was closed comes back by its session, or by a new token under its name", async () => {
    const urls: string[] = [];
    let page: Promise<Page> | undefined;
    const onNotice = (notice: Notice): void => {
      if (notice.event !== "join") return;
      urls.push(notice.urls[0]!);
      page ??= visit(notice.urls[0]!);
    };
    await using device = await openPage("page", "", { join: options(), onNotice });
    const tab = await page!;
    const context = tab.context();
    const latency = device.measure(networkModel(0.25, 56), long);
    await sees(tab, "Measuring");
    await tab.close();
    const again = await context.newPage();
    await again.goto(new URL(urls[0]!).origin);
    await sees(again, "Measuring");
    await again.close();
    const anew = await context.newPage();
    await anew.goto(urls.at(-1)!);
    expect((await latency).medianMs).toBeGreaterThan(0);
    await sees(anew, "Joined as linux-chrome");
  });

  test("comes back by itself when the search was started again", async () => {
    const file = stateFile();
    const first = await openJoinServer(options(0, file));
    const [url] = inviteTo(first);
    const page = await visit(url!);
    await sees(page, "Joined as linux-chrome");
    await first[Symbol.asyncDispose]();
    await sees(page, "Not connected");
    await sees(page, /The search has ended, or stopped for now\. Trying again in/);
    const join = options(first.address.port, file);
    await using device = await openPage("page:linux-chrome", "linux-chrome", { join, listen: join.address });
    await sees(page, "Joined as linux-chrome");
    expect((await device.measure(networkModel(0.1), brief)).medianMs).toBeGreaterThan(0);
  });

  test("two devices are measured on at once, each under its name", async () => {
    const join = options(0);
    await using server = await openJoinServer(join);
    const urls = inviteTo(server);
    for (const n of [0, 1]) {
      await expect.poll(() => urls.length).toBe(n + 1);
      await sees(await visit(urls[n]!), n === 0 ? "Joined as linux-chrome" : "Joined as linux-chrome-2");
    }
    const work = workOf("onnx-wasm", networkModel(0.1), brief);
    const all = await Promise.all(server.peers().map((peer) => peer.run(work)));
    expect(all.map(({ medianMs }) => medianMs > 0)).toEqual([true, true]);
  });

  test("a second tab takes the place of the first, which says so and may take it back", async () => {
    await using server = await openJoinServer(options());
    const [url] = inviteTo(server);
    const first = await visit(url!);
    await sees(first, "Joined as linux-chrome");
    const second = await first.context().newPage();
    await second.goto(new URL(url!).origin);
    await sees(second, "Joined as linux-chrome");
    await sees(first, "Joined elsewhere");
    await first.getByRole("button", { name: "Measure in this tab" }).click();
    await sees(first, "Joined as linux-chrome");
    await sees(second, "Joined elsewhere");
    expect(server.peers().length).toBe(1);
  });

  test("stops while it is hidden, tells the search, and measures anew when it is seen", async () => {
    const { device, page } = await openJoined();
    await using _ = device;
    const setHidden = (isHidden: boolean): Promise<void> =>
      page.evaluate(`
        Object.defineProperty(document, "hidden", { configurable: true, value: ${isHidden} });
        document.dispatchEvent(new Event("visibilitychange"));
      `);
    const latency = device.measure(networkModel(0.25, 56), long);
    await sees(page, "Measuring");
    await setHidden(true);
    await sees(page, "Paused");
    await setHidden(false);
    await sees(page, "Measuring");
    expect((await latency).medianMs).toBeGreaterThan(0);
  });

  test("takes another name from its user", async () => {
    await using server = await openJoinServer(options());
    const [url] = inviteTo(server);
    const page = await visit(url!);
    await sees(page, "Joined as linux-chrome");
    await page.getByLabel("Name").fill("My Phone!");
    await page.getByLabel("Name").press("Enter");
    await sees(page, "Joined as my-phone");
    await page.reload();
    await sees(page, "Joined as my-phone");
    expect(server.peers().map(({ name }) => name)).toEqual(["my-phone"]);
  });

  test("a search of the command line measures through it, in the runtime of its choice", async () => {
    using place = scratch();
    const args = [
      "search",
      "--trials",
      "8",
      "--batch",
      "8",
      "--finalists",
      "0",
      "--target",
      "0.001ms",
      "--data",
      "fashion-mnist",
    ];
    const env = { XDG_STATE_HOME: place.dir };
    const { child, ended } = start(
      [...args, "--device", "page@litert-wasm", "--listen", "127.0.0.1:0", "--json"],
      place.dir,
      env,
    );
    let joined: Promise<Page> | undefined;
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const event = JSON.parse(line) as { event: string; urls?: string[] };
      if (event.event === "join") joined ??= visit(event.urls![0]!);
    });
    const { code, stdout, stderr } = await ended;
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string; trial?: { latencyMs: number } });
    const latencies = events.flatMap(({ trial }) => (trial === undefined ? [] : [trial.latencyMs]));
    expect(latencies.length).toBe(8);
    expect(Math.min(...latencies)).toBeGreaterThan(0);
    expect(events.at(-1)!.event).toBe("done");
    expect(events.find(({ event }) => event === "device")).toMatchObject({
      origin: "web",
      description: expect.stringMatching(/LiteRT\.js \d+\.\d+\.\d+ WebAssembly$/),
    });
    await sees(await joined!, /8 networks done|Not connected/);
  });

  test.skipIf(process.platform !== "linux")(
    "measures on WebGPU, and goes on when the GPU was lost",
    async (context) => {
      const { browser: withGpu, pid, close } = await openBrowser({ hasGpu: true });
      onTestFinished(close);
      await using server = await openJoinServer(options());
      const [url] = inviteTo(server);
      const page = await visit(url!, withGpu);
      await sees(page, "Joined as linux-chrome");
      const [peer] = server.peers();
      if (!peer!.hello.runtimes.some(({ id }) => id === "litert-webgpu")) context.skip("this Chromium has no WebGPU");
      const work = workOf("litert-webgpu", networkModel(0.1), brief);
      expect((await peer!.run(work)).medianMs).toBeGreaterThan(0);

      const lost = peer!.run(workOf("litert-webgpu", networkModel(0.1), { ...brief, minMs: 60_000, maxMs: 60_000 }));
      await sees(page, "Measuring");
      killGpu(pid);
      await expect(lost).rejects.toThrow("the GPU was lost");
      await expect.poll(() => server.peers().length, { timeout: 10_000 }).toBe(1);
      expect((await server.peers()[0]!.run(work)).medianMs).toBeGreaterThan(0);
    },
  );
});
