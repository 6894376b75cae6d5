import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { TrialState } from "../src/store/store.ts";
import { checkTrained } from "../src/study/trained.ts";
import { openRun } from "../src/study/run.ts";
import { coresOfGroup, killsInGroup, memoryOfGroup } from "../src/util/cgroup.ts";
import { memoryKills, usableCores, watchKills } from "../src/util/machine.ts";
import { boundWorkers, type Circumstances } from "../src/worker/bound.ts";
import { mnas, scratch, start, workersOf } from "./mnas.ts";
import { smallMemory } from "./small-memory.ts";
import { toyConfig } from "./toy.ts";

const mib = 2 ** 20;

/** The system's files as they are in some places, by what they are read as. */
const places = {
  "version 2, in a container": {
    files: {
      "proc/self/cgroup": "0::/\n",
      "sys/fs/cgroup/memory.max": `${1300 * mib}\n`,
      "sys/fs/cgroup/memory.current": `${1200 * mib}\n`,
      "sys/fs/cgroup/memory.stat": `anon ${300 * mib}\nactive_file ${500 * mib}\ninactive_file ${400 * mib}\n`,
      "sys/fs/cgroup/memory.events": "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 0\n",
      "sys/fs/cgroup/cpu.max": "150000 100000\n",
    },
    memory: { limit: 1300 * mib, left: 1000 * mib },
    cores: 1.5,
    kills: 3,
  },
  "version 2, limits of groups around": {
    files: {
      "proc/self/cgroup": "0::/job/step\n",
      "sys/fs/cgroup/job/memory.max": `${1000 * mib}\n`,
      "sys/fs/cgroup/job/memory.current": `${990 * mib}\n`,
      "sys/fs/cgroup/job/cpu.max": "400000 100000\n",
      "sys/fs/cgroup/job/step/memory.max": "max\n",
      "sys/fs/cgroup/job/step/memory.current": "5\n",
      "sys/fs/cgroup/job/step/memory.events": "oom_kill 0\n",
      "sys/fs/cgroup/job/step/cpu.max": "max 100000\n",
    },
    memory: { limit: 1000 * mib, left: 10 * mib },
    cores: 4,
    kills: 0,
  },
  "version 1, with a path of the host": {
    files: {
      "proc/self/cgroup": "9:cpu,cpuacct:/docker/a:b\n4:memory:/docker/a:b\n0::/docker/a:b\n",
      "sys/fs/cgroup/memory/memory.limit_in_bytes": `${512 * mib}\n`,
      "sys/fs/cgroup/memory/memory.usage_in_bytes": `${600 * mib}\n`,
      "sys/fs/cgroup/memory/memory.stat": `total_active_file ${8 * mib}\ntotal_inactive_file ${80 * mib}\n`,
      "sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n",
      "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
      "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    },
    memory: { limit: 512 * mib, left: 0 },
    cores: 0.5,
    kills: 7,
  },
  "version 1 without limits": {
    files: {
      "proc/self/cgroup": "9:cpu:/\n4:memory:/\n",
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
      "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
      "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    },
    memory: null,
    cores: null,
    kills: 0,
  },
  "no groups": { files: { "proc/vmstat": "pgfault 9\noom_kill 5\n" }, memory: null, cores: null, kills: null },
  "nothing at all": { files: {}, memory: null, cores: null, kills: null },
} as const;

test.each(Object.entries(places))("limits of control groups are read: %s", (_, { files, memory, cores, kills }) => {
  using root = scratch();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root.dir, name)), { recursive: true });
    writeFileSync(join(root.dir, name), text);
  }
  const read = [memoryOfGroup(root.dir), coresOfGroup(root.dir), killsInGroup(root.dir), memoryKills(root.dir)];
  expect(read).toEqual([memory, cores, kills, kills ?? ("proc/vmstat" in files ? 5 : null)]);
});

test("each kill that the system counts explains one death by SIGKILL, and no other death", () => {
  let counted: number | null = 2;
  const isKilled = watchKills(() => counted);
  expect(isKilled("SIGKILL")).toBe(false);
  counted = 4;
  expect(["SIGSEGV", null, "SIGKILL", "SIGKILL", "SIGKILL"].map(isKilled)).toEqual([false, false, true, true, false]);
  counted = null;
  expect(["SIGKILL", "SIGTERM"].map(watchKills(() => counted))).toEqual([true, false]);
});

const trialOf = (state: TrialState, reference: string | null = null) => ({
  state,
  reference,
  latency: { medianMs: 1 },
  reason: "its worker died 3 times",
});

test("finals whose finalists all failed are a failure, though baselines succeeded", () => {
  const finals = [trialOf("failed"), trialOf("failed"), trialOf("complete", "mobilenet-v2 ×0.35")];
  const trials = (phase: string) => (phase === "final" ? finals : [trialOf("complete")]) as never;
  expect(() => checkTrained({ trials })).toThrow(/all 2 long trainings failed, 2 of them because of this/);
});

test.each<[string, TrialState[], RegExp | null]>([
  ["all failed", ["failed", "failed"], /all 2 trainings failed, 2 of them because of this: its worker died 3 times/],
  ["all failed that were not over the gate", ["failed", "pruned"], /all 1 trainings failed/],
  ["one succeeded", ["failed", "complete"], null],
  ["one was stopped", ["failed", "stopped"], null],
  ["all were over the gate", ["pruned"], null],
])("a search ends as a failure when all of its trainings failed: %s", (_, states, message) => {
  const trials = states.map((state) => trialOf(state));
  const check = (): void => checkTrained({ trials: (phase) => (phase === "search" ? trials : []) as never });
  if (message === null) expect(check).not.toThrow();
  else expect(check).toThrow(message);
});

test.each<[string, Circumstances, number, string]>([
  ["cores", { cores: 2, trainings: 9, memory: null }, 2, "mnas may use 2 cores"],
  ["trainings", { cores: 4, trainings: 1, memory: null }, 1, "1 training can be done now"],
  [
    "memory",
    { cores: 8, trainings: 9, memory: { available: 1300 * mib, each: 512 * mib } },
    2,
    "a worker takes up to 0.5 GiB of memory, and 1.3 GiB can be had",
  ],
  [
    "memory for less than one",
    { cores: null, trainings: 9, memory: { available: 0, each: 1024 * mib } },
    1,
    "a worker takes up to 1.0 GiB of memory, and 0.0 GiB can be had",
  ],
])("no more workers run than are of use, by %s", (_, circumstances, count, why) => {
  expect(boundWorkers(circumstances)).toMatchObject({ count, why });
});

test.runIf(process.platform === "linux")(
  "99 workers for two trials at a time are as many as cores, and the search says why, once",
  async () => {
    using folder = scratch();
    const settings = `device: "madds", target: 9, trials: 3, batch: 2, finalists: 0, proxy: { epochs: 0.05, batch: 32 },`;
    writeFileSync(join(folder.dir, "mnas.config.ts"), toyConfig(settings));
    const { child, ended } = start(["search", "--workers", "99", "--json", "--out", "run"], folder.dir);
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, workersOf(child.pid!).length)), 20);
    const { code, stdout } = await ended;
    clearInterval(watch);
    const cores = usableCores();
    expect([code, most]).toEqual([0, Math.min(cores, 2)]);
    expect(stdout.match(/of 99 workers run/g)).toHaveLength(1);
    expect(stdout).toMatch(new RegExp(`"${cores} of 99 workers runs?: mnas may use ${cores} cores?"`));
  },
);

/** More than Node takes, less than it takes with one of these networks. */
const group = smallMemory(300 * mib);
afterAll(() => (typeof group === "string" ? undefined : group[Symbol.asyncDispose]()));

test.runIf(process.platform === "linux")("training that is slow for want of addresses says so, and only then", () => {
  const module = new URL("../src/engine/guard.ts", import.meta.url).href;
  const script = `import { guardWarning } from ${JSON.stringify(module)}; console.log(guardWarning());`;
  const limited = (kib: string): string =>
    execFileSync(
      "sh",
      ["-c", `ulimit -v ${kib} && exec "$@"`, "sh", process.execPath, "--input-type=module", "-e", script],
      {
        encoding: "utf8",
      },
    );
  expect(["unlimited", "64000000", "6000000"].map(limited)).toEqual([
    "null\n",
    "null\n",
    expect.stringContaining("ulimit -v"),
  ]);
});

test.skipIf(typeof group === "string")(
  "doctor shows the memory of its container, not that of the machine",
  async () => {
    if (typeof group === "string") return;
    const { stdout } = await group.mnas(["doctor", "--json"], ".");
    const { says } = (JSON.parse(stdout) as { name: string; says: string }[]).find(({ name }) => name === "memory")!;
    expect(says).toMatch(
      /^0\.3 GiB, the limit of this container or job, of which 0\.\d GiB can be had now; the machine has /,
    );
  },
);

test.skipIf(typeof group === "string")(
  `what the system kills for want of memory is no fault of the networks${typeof group === "string" ? ` (${group})` : ""}`,
  { timeout: 120_000 },
  async () => {
    if (typeof group === "string") return;
    using folder = scratch();
    const block = `{ op: "mbconv6", kernel: 3, stride: 2, filters: oneOf("filters", [32, 40]), layers: 1, seRatio: 0, skip: "none" }`;
    const settings = `device: "madds", target: 9, trials: 2, batch: 2, finalists: 0, proxy: { epochs: 0.02, batch: 256 },`;
    writeFileSync(
      join(folder.dir, "mnas.config.ts"),
      toyConfig(settings, block).replace("filters: 8", "filters: 40").replace("stride: 2", "stride: 1"),
    );
    const short = await group.mnas(["search", "--json", "--out", "run", "--workers", "2"], folder.dir);
    expect([short.code, short.stderr]).toEqual([4, expect.stringMatching(/"code":"MEMORY_FULL".*--resume/)]);
    const states = (): unknown[] => {
      using run = openRun(join(folder.dir, "run"));
      return run.store.trials("search").map(({ state, attempts }) => [state, attempts]);
    };
    expect(states()).toEqual([
      ["waiting", 0],
      ["waiting", 0],
    ]);
    expect(await mnas(["search", "--json", "--resume", "run"], folder.dir)).toMatchObject({ code: 0, stderr: "" });
    expect(states()).toEqual([
      ["complete", 0],
      ["complete", 0],
    ]);
  },
);
