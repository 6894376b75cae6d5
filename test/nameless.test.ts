import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pictures } from "./data-files.ts";
import { scratch } from "./mnas.ts";
import { canBeNameless, startNameless } from "./nameless.ts";
import { toyConfig } from "./toy.ts";

// Without Linux, root or namespaces there is no number without a name.
const nameless = test.runIf(canBeNameless);

const config = toyConfig(`
  device: "madds", target: 1, trials: 2, batch: 2, workers: 1, finalists: 0, proxy: { epochs: 1, batch: 8 },
`);

/** A folder with a config, images and an unwritable home. */
async function workplace(): Promise<Disposable & { readonly dir: string; readonly home: string }> {
  const folder = scratch();
  const home = join(folder.dir, "home");
  mkdirSync(home);
  chmodSync(home, 0o555);
  writeFileSync(join(folder.dir, "mnas.config.ts"), config);
  await pictures(join(folder.dir, "photos"), 8);
  for (const name of ["photos", ...readdirSync(join(folder.dir, "photos")).map((each) => `photos/${each}`)])
    chmodSync(join(folder.dir, name), 0o755);
  return { ...folder, home };
}

nameless.each([
  ["without HOME", () => ({})],
  ["with an empty HOME", () => ({ HOME: "" })],
  ["with a HOME that cannot be written", (home: string) => ({ HOME: home })],
  ["with a HOME that does not exist", (home: string) => ({ HOME: join(home, "none") })],
  ["with a HOME that cannot be reached", () => ({ HOME: "/proc/none" })],
  ["with a TMPDIR that does not exist", (home: string) => ({ HOME: home, TMPDIR: join(home, "none") })],
  ["with an empty TMPDIR", () => ({ TMPDIR: "" })],
])("a user without a name searches on images %s", async (_, envOf) => {
  using place = await workplace();
  const args = ["search", "--data", "photos", "--size", "28", "--out", "run"];
  const { code, stderr } = await startNameless(args, place.dir, envOf(place.home));
  const warnings = stderr.split("\n").filter((line) => line.includes("images will be decoded again"));
  expect({ code, warnings }, stderr).toEqual({ code: 0, warnings: [expect.stringContaining("MNAS_CACHE_DIR")] });
  expect(existsSync(join(place.dir, "run", "report.html"))).toBe(true);
  expect(readdirSync(place.dir).toSorted()).toEqual(["home", "mnas.config.ts", "photos", "run"]);
});

nameless("a user without a name and home measures, trains, serves and asks the doctor", async () => {
  using place = await workplace();
  const env = { TMPDIR: tmpdir() };
  const run = (args: readonly string[]) => startNameless(args, place.dir, env);
  expect(await run(["measure", "mnasnet-small", "--size", "32", "--classes", "2", "--json"])).toMatchObject({
    code: 0,
  });
  const train = ["train", "mnasnet-small", "--data", "photos", "--size", "32", "--recipe", "proxy", "--epochs", "1"];
  expect(await run([...train, "--out", "w.safetensors", "--json"])).toMatchObject({ code: 0 });
  const doctor = await run(["doctor"]);
  expect(doctor).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok {4}cache .*no home folder/m) });
  const validate = await run(["validate-proxy", "--data", "photos", "--size", "28"]);
  expect(validate).toMatchObject({ code: 3, stderr: expect.stringContaining("Set XDG_STATE_HOME") });
  const served = startNameless(["device", "serve", "--port", "0"], place.dir, env, (said, stop) => {
    if (said.includes("Ctrl-C ends")) stop();
  });
  expect(await served).toMatchObject({ code: 0, stdout: expect.stringMatching(/^tcp:/) });
});
