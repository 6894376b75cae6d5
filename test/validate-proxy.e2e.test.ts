import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { SearchEvent } from "../src/study/events.ts";
import type { Validation } from "../src/study/proxy/record.ts";
import type { ValidationEvent } from "../src/study/proxy/validate.ts";
import { createRng } from "../src/util/rng.ts";
import { scratch, start } from "./mnas.ts";
import { toyConfig } from "./toy.ts";

const config = (epochs: number): string =>
  toyConfig(
    `device: "madds", target: 0.02, proxy: { epochs: ${epochs}, batch: 32 }, final: { epochs: 0.3, batch: 32 }, stopping: true`,
    `{ op: oneOf("op", ["sepconv", "mbconv3"]), kernel: oneOf("kernel", [3, 5]), stride: 2, filters: oneOf("filters", [8, 12]),
      layers: 1, seRatio: 0, skip: "none" }`,
  );

const eventsOf = <Event>(stdout: string): Event[] =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Event);

/** Runs a command that keeps its state in a folder of the test. */
const withState =
  (dir: string, state: string) =>
  (...args: string[]) =>
    start(args, dir, { XDG_STATE_HOME: join(dir, state) });

/** What does not depend on time. */
const lasting = ({ networks, proxies, recommended, failed, full }: Validation) => ({
  full: { ...full, seconds: null },
  networks,
  recommended,
  failed,
  rankings: proxies.map((proxy) => ({ ...proxy, seconds: null })),
});

const validationOf = (stdout: string): Validation => {
  const done = eventsOf<ValidationEvent>(stdout).at(-1)!;
  if (done.event !== "done") throw new Error(`it ends with ${done.event}`);
  return done.validation;
};

test("a validation that is killed and resumed ends as an uninterrupted one, and searches find it", async () => {
  using folder = scratch();
  writeFileSync(join(folder.dir, "mnas.config.ts"), config(0.2));
  const [whole, cut] = [withState(folder.dir, "a"), withState(folder.dir, "b")];
  const validate = ["validate-proxy", "--networks", "4", "--json"];
  const first = await whole(...validate, "--out", "v.json").ended;
  expect(first).toMatchObject({ code: 0, stderr: "" });
  const events = eventsOf<ValidationEvent>(first.stdout);
  expect(events[0]).toMatchObject({ event: "start", networks: 4, trainings: 32, done: 0 });
  expect(events.filter(({ event }) => event === "trained")).toHaveLength(32);
  const validation = validationOf(first.stdout);
  expect(JSON.parse(readFileSync(join(folder.dir, "v.json"), "utf8"))).toEqual(validation);
  expect(validation.proxies.map(({ epochs }) => epochs)).toEqual([0.1, 0.2, 0.4]);
  expect(validation.proxies.map(({ recipe }) => recipe.epochs)).toContain(validation.recommended);
  expect(validation.networks.map(({ proxy, full }) => [proxy.map((some) => some.length), full.length])).toEqual(
    Array.from({ length: 4 }, () => [[2, 2, 2], 2]),
  );
  expect(new Set(validation.networks.flatMap(({ proxy, full }) => [...proxy.flat(), ...full])).size).toBeGreaterThan(8);
  // Only the record is kept, not the weights.
  const dir = join(folder.dir, "a", "mnas", "proxy");
  const study = readdirSync(dir).find((name) => !name.endsWith(".json"))!;
  expect(existsSync(join(dir, study, "trials"))).toBe(false);

  const rng = createRng("kill a validation");
  let resume: string[] = [];
  let kills = 0;
  for (; ; kills++) {
    const { child, ended } = cut(...validate, "--workers", String(1 + rng.int(2)), ...resume);
    let seen = 0;
    const most = 3 + rng.int(8);
    child.stdout!.on("data", (text) => {
      seen += String(text).split('"trained"').length - 1;
      if (seen > most) child.kill("SIGKILL");
    });
    const { code, stdout } = await ended;
    if (code === 0) {
      expect(lasting(validationOf(stdout))).toEqual(lasting(validation));
      break;
    }
    resume = ["--resume"];
    expect(kills).toBeLessThan(20);
  }
  expect(kills).toBeGreaterThan(0);

  const search = ["search", "--trials", "1", "--finalists", "0"];
  const found = await whole(...search, "--json", "--out", "run").ended;
  const { kendall, low, high, seedNoise, epochs } = validation.proxies[1]!;
  expect(eventsOf<SearchEvent>(found.stdout).find(({ event }) => event === "proxy")).toEqual({
    event: "proxy",
    validated: {
      kendall,
      low,
      high,
      seedNoise,
      epochs,
      networks: 4,
      recommended: validation.recommended,
      time: validation.time,
    },
  });
  expect(readFileSync(join(folder.dir, "run", "report.html"), "utf8")).toContain("Validated on 4 networks");
  // With the epochs of one of the other lengths it is found too; with others it is not.
  writeFileSync(join(folder.dir, "mnas.config.ts"), config(0.4));
  expect((await whole(...search, "--out", "longer").ended).stderr).toContain("proxy    validated: Kendall");
  writeFileSync(join(folder.dir, "mnas.config.ts"), config(0.3));
  expect((await whole(...search, "--out", "other").ended).stderr).toMatch(
    /proxy {4}never validated on these data; `(npx )?mnas validate-proxy --data embedded:fashion-mnist` does/,
  );
});

test("a validation is not made twice unless that is asked for, and grows by networks", async () => {
  using folder = scratch();
  writeFileSync(join(folder.dir, "mnas.config.ts"), config(0.1));
  const run = withState(folder.dir, "state");
  expect(await run("validate-proxy", "--resume").ended).toMatchObject({ code: 3 });
  expect(await run("validate-proxy", "--networks", "3").ended).toMatchObject({ code: 2 });
  const { child, ended } = run("validate-proxy", "--networks", "4");
  let isStopped = false;
  child.stderr!.on("data", (text) => {
    // Once: a second Ctrl-C ends it at once, without a word.
    if (!isStopped && String(text).includes("/32")) isStopped = child.kill("SIGINT");
  });
  const stopped = await ended;
  expect(stopped.code).toBe(130);
  expect(stopped.stderr).toMatch(/Continue with `(npx )?mnas validate-proxy --networks 4 --resume`/);
  expect(await run("validate-proxy", "--networks", "4").ended).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--resume"),
  });
  expect(await run("validate-proxy", "--networks", "4", "--seed", "1", "--resume").ended).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("seed: 0 → 1"),
  });
  const done = await run("validate-proxy", "--networks", "4", "--resume").ended;
  expect(done.code).toBe(0);
  expect(done.stdout).toContain("recommended: ");
  const again = await run("validate-proxy", "--networks", "4").ended;
  expect([again.code, again.stdout]).toEqual([0, done.stdout]);
  expect(again.stderr).toContain("validated before");
  const more = await run("validate-proxy", "--networks", "6", "--resume", "--json").ended;
  expect(eventsOf<ValidationEvent>(more.stdout)[0]).toMatchObject({ trainings: 48, done: 32 });
  expect(validationOf(more.stdout).networks).toHaveLength(6);
});
