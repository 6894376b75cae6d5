import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { LatencyDevice } from "../src/device/device.ts";
import type { Notice } from "../src/device/options.ts";
import { openJoinServer, type JoinServer } from "../src/device/remote/join-server.ts";
import { openPage } from "../src/device/remote/page.ts";
import { browserPath, openBrowser, skipReason, type Browser, type Page } from "./browser.ts";
import { brief, networkModel } from "./device-models.ts";
import { scratch } from "./mnas.ts";
import { buildPage } from "./page-site.ts";

describe.skipIf(browserPath === null)(`the page, in Chromium${skipReason}`, () => {
  const space = scratch();
  const folder = join(space.dir, "web");
  let files = 0;
  let browser: Browser;
  let outputs: string;

  beforeAll(async () => {
    ({ outputs } = await buildPage(folder));
    browser = await openBrowser();
  });
  afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
  afterAll(async () => {
    await browser.close();
    space[Symbol.dispose]();
  });

  const stateFile = (): string => join(space.dir, `${files++}`, "sessions.json");
  const options = (port = 0, file = stateFile()) => ({ address: { host: "127.0.0.1", port }, folder, stateFile: file });
  const inviteTo = (server: JoinServer): string[] => {
    const urls: string[] = [];
    server.invite(null, ([url]) => urls.push(url!));
    return urls;
  };
  /** A browser that has never been here, on a page. */
  const visit = async (url: string): Promise<Page> => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(url);
    return page;
  };
  const sees = (page: Page, text: string | RegExp): Promise<void> => page.locator("#state").getByText(text).waitFor();
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

  test("says what is wrong with a token, and does not try it again by itself", async () => {
    await using server = await openJoinServer(options());
    const page = await visit(`http://localhost:${server.address.port}/#nonsense`);
    await sees(page, "Not joined");
    await sees(page, "This link is not known here. Use the newest one that mnas shows.");
    expect(server.peers()).toEqual([]);
  });

  test("measures networks of very different cost in their order, on one thread", async () => {
    const { device, page } = await openJoined();
    await using _ = device;
    expect(device.description).toMatch(/1 thread, ONNX Runtime Web 1\.\d+\.\d+ WebAssembly$/);
    const medians = [];
    for (const model of [networkModel(0.1), networkModel(0.25, 56), networkModel(0.5, 112)]) {
      medians.push((await device.measure(model, brief)).medianMs);
    }
    expect(medians[0]).toBeGreaterThan(0);
    expect(medians).toEqual(medians.toSorted((a, b) => a - b));
    expect((await results(page)).map((row) => row.split("\t")[0]!.trim())).toEqual([
      "network × 0.5",
      "network × 0.25",
      "network × 0.1",
    ]);
    await sees(page, /3 networks done/);
  });

  test("fails a model that it cannot run, says why, and goes on", async () => {
    const { device, page } = await openJoined();
    await using _ = device;
    const broken = { name: "broken.onnx", madds: null, graph: null, onnx: () => Uint8Array.of(1, 2, 3) };
    await expect(device.measure(broken, brief)).rejects.toMatchObject({ code: "MODEL_INVALID" });
    expect((await results(page))[0]).toMatch(/broken\.onnx.*failed/s);
    expect((await device.measure(networkModel(0.1), brief)).medianMs).toBeGreaterThan(0);
  });
});
