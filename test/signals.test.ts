import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import sharp from "sharp";
import { expect, onTestFinished, test } from "vitest";
import { abortable } from "../src/cli/interrupt.ts";
import { endingSignals } from "../src/util/signals.ts";
import { childrenOf, entry, lives, mnas, scratch, start, workersOf } from "./mnas.ts";
import { toyConfig } from "./toy.ts";

const isLinux = process.platform === "linux";
const config = toyConfig('device: "madds", target: 0.02, batch: 4, workers: 1, finalists: 0, proxy: { epochs: 0.2 }');
const endless = ["search", "--trials", "400", "--out", "run"];

/** Resolves when a command has said something on standard error. */
const heard = (child: ChildProcess, text: string): Promise<void> =>
  new Promise((resolve) => {
    let said = "";
    child.stderr!.on("data", (more) => {
      said += String(more);
      if (said.includes(text)) resolve();
    });
  });

/** Waits until something holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await wait(20);
}

/** The names of a process's threads; Node calls the one that waits for SIGUSR1 `SignalInspector`. */
const threadsOf = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/task`).map((id) => readFileSync(`/proc/${pid}/task/${id}/comm`, "utf8").trim());

test.runIf(isLinux).each(endingSignals)(
  "a search to whose processes %s is sent stops cleanly, and says how to go on",
  async (signal) => {
    using folder = scratch();
    writeFileSync(join(folder.dir, "mnas.config.ts"), config);
    const { child, ended } = start(endless, folder.dir);
    await heard(child, "batch");
    const workers = workersOf(child.pid!);
    expect(workers.flatMap(threadsOf)).not.toContain("SignalInspector");
    // A terminal or cluster sends it to all, and some send it twice.
    for (const pid of [...workers, child.pid!, child.pid!]) process.kill(pid, signal);
    const { code, stderr } = await ended;
    expect(stderr).toMatch(/stopping(.|\n)*Search interrupted(.|\n)*Continue with `(npx )?mnas search --resume run`/);
    expect(stderr).not.toMatch(/Debugger|died/);
    expect(code).toBe(130);
    expect(workers.filter(lives)).toEqual([]);
  },
);

test.runIf(isLinux)("no process of a device opens a debugger, and SIGUSR1 ends it as Ctrl-C does", async () => {
  using folder = scratch();
  const { child, ended } = start(["device", "serve", "--port", "0"], folder.dir);
  await heard(child, "Ctrl-C ends");
  const [host] = childrenOf(child.pid!, "host-process");
  process.kill(host!, "SIGUSR1");
  expect(threadsOf(host!)).not.toContain("SignalInspector");
  child.kill("SIGUSR1");
  expect(await ended).toEqual({ code: 0, stdout: expect.anything(), stderr: expect.not.stringContaining("Debugger") });
});

test.runIf(isLinux)("SIGUSR1 ends a command that has nothing to save, without a debugger", async () => {
  const signals = new URL("../src/util/signals.ts", import.meta.url).href;
  const idle = `(await import("${signals}")).refuseDebugger(); console.error("ready"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", idle], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (text) => (said += String(text)));
  const ended = once(child, "close");
  await heard(child, "ready");
  child.kill("SIGUSR1");
  expect([...(await ended), said]).toEqual([null, "SIGUSR1", "ready\n"]);
});

test.runIf(isLinux)("Ctrl-C ends a search that is still decoding images, within about a second", async () => {
  using folder = scratch();
  const large = await sharp({ create: { width: 6000, height: 4000, channels: 3, background: "red" } })
    .png()
    .toBuffer();
  for (const name of ["a", "b"]) {
    mkdirSync(join(folder.dir, "photos", name), { recursive: true });
    for (let i = 0; i < 150; i++) writeFileSync(join(folder.dir, "photos", name, `${i}.png`), large);
  }
  const { child, ended } = start(["search", "--data", "photos", "--size", "32"], folder.dir, {
    MNAS_CACHE_DIR: join(folder.dir, "cache"),
  });
  // All of them take half a minute on two cores.
  await until(() => existsSync(join(folder.dir, "cache")));
  await wait(1000);
  const asked = performance.now();
  child.kill("SIGINT");
  const { code, stderr } = await ended;
  expect([code, stderr]).toEqual([130, expect.stringContaining("Search interrupted")]);
  expect(performance.now() - asked).toBeLessThan(5000);
});

test.runIf(isLinux)(
  "a run that is taken is refused with the number of the process, which kill then stops",
  async () => {
    using folder = scratch();
    writeFileSync(join(folder.dir, "mnas.config.ts"), config);
    const { child, ended } = start(endless, folder.dir);
    await heard(child, "batch");
    const second = await mnas(["search", "--resume", "run"], folder.dir);
    expect(second).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(
        `Cannot search in run "run": process ${child.pid} is searching in it\nhint: Wait for it, or stop it with \`kill ${child.pid}\`\\.`,
      ),
    });
    child.kill("SIGTERM");
    expect((await ended).code).toBe(130);
    expect(readdirSync(join(folder.dir, "run"))).not.toContain("lock.db-holder");
  },
);

test.runIf(isLinux)(
  "a search ends when npx, which started it, is killed; one that a shell started goes on",
  async () => {
    using folder = scratch();
    writeFileSync(join(folder.dir, "mnas.config.ts"), config);
    const under = async (npmCommand: string, out: string): Promise<number> => {
      const command = `"${process.execPath}" "${entry}" search --trials 400 --out ${out}; exit 1`;
      const env = { ...process.env, npm_command: npmCommand };
      const shell = spawn("sh", ["-c", command], { cwd: folder.dir, env, stdio: ["ignore", "ignore", "pipe"] });
      await heard(shell, "batch");
      const [search] = childrenOf(shell.pid!, "search");
      onTestFinished(() => {
        if (lives(search!)) process.kill(search!, "SIGKILL");
      });
      shell.kill("SIGKILL");
      return search!;
    };
    const [orphan, ofShell] = await Promise.all([under("exec", "a"), under("", "b")]);
    await until(() => !lives(orphan));
    expect(lives(ofShell)).toBe(true);
  },
);

test("work is waited for no longer than until its signal, which may have come before", async () => {
  const endless = new Promise<never>(() => {});
  const stop = new AbortController();
  const begun = abortable(endless, stop.signal);
  stop.abort(new Error("stopped"));
  await expect(begun).rejects.toThrow("stopped");
  await expect(abortable(endless, stop.signal)).rejects.toThrow("stopped");
  await expect(abortable(Promise.resolve(1), new AbortController().signal)).resolves.toBe(1);
});
