import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scratch } from "./mnas.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const network = "in16x16x3 stem8_k3_s22 r1_k3_s22_e3_i8_o12 head0 classes3";

/** The way to the registry on this machine; the project's own settings of npm are not among these. */
const wayOut = /^npm_config_(userconfig|globalconfig|cafile|registry|proxy|https_proxy|noproxy)$/i;

/** A user's environment: a home and a cache of its own, and of the npm that runs the tests the way to the registry alone. */
function environment(home: string, path: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => wayOut.test(name) || !/^(npm_|ONNXRUNTIME|MNAS_|XDG_|NODE_OPTIONS)/i.test(name),
  );
  return { ...Object.fromEntries(own), HOME: home, PATH: path, npm_config_fetch_retries: "1" };
}

/** Folders of programs without those that a clone's npm puts first. */
const systemPath = process.env["PATH"]!.split(delimiter)
  .filter((folder) => !folder.includes("node_modules"))
  .join(delimiter);

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

/** Relative links of a Markdown text. */
const linksOf = (markdown: string): string[] =>
  [...markdown.matchAll(/\]\(([^)#\s]+)/g)].map(([, link]) => link!).filter((link) => !/^[a-z]+:/.test(link));

describe.skipIf(!existsSync(join(root, "dist/cli/main.js")))("the package (needs `npm run build`)", () => {
  const space = scratch();
  const home = join(space.dir, "home");
  const user = join(space.dir, "user");
  const env = environment(home, [dirname(process.execPath), systemPath].join(delimiter));
  let packed: Packed;

  beforeAll(() => {
    mkdirSync(home);
    mkdirSync(user);
    const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", space.dir];
    const told = JSON.parse(execFileSync("npm", args, { cwd: root, env, encoding: "utf8" })) as
      | Packed[]
      | Record<string, Packed>;
    packed = Object.values(told)[0]!;
    writeFileSync(join(user, "package.json"), '{ "type": "module", "private": true }');
    const tarball = join(space.dir, "mnas-0.1.0.tgz");
    const install = ["install", "--no-audit", "--no-fund", tarball];
    execFileSync("npm", install, { cwd: user, env, stdio: "pipe", timeout: 280_000 });
  });
  afterAll(() => space[Symbol.dispose]());

  test("is at most 25 MB, with no runtime that a dependency brings", () => {
    expect(packed.size).toBeLessThan(25e6);
    expect(packed.files.filter(({ path }) => /litert.*\.wasm$|\.node$|\.so$/.test(path))).toEqual([]);
  });

  test("links of its pages lead to files that it holds", () => {
    const files = new Set(packed.files.map(({ path }) => path));
    const broken = [...files]
      .filter((path) => path.endsWith(".md"))
      .flatMap((page) =>
        linksOf(readFileSync(join(root, page), "utf8"))
          .map((link) => normalize(join(dirname(page), link)))
          .filter((target) => !files.has(target) && ![...files].some((file) => file.startsWith(`${target}/`)))
          .map((target) => `${page} → ${target}`),
      );
    expect(broken).toEqual([]);
  });

  test.skipIf(process.platform !== "linux" || process.arch !== "x64")("fetches no CUDA libraries", () => {
    const library = "node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so";
    expect(statSync(join(user, library)).size).toBe(0);
  });

  test("measures a network and reads the embedded images", () => {
    const mnas = (...args: string[]) => spawnSync("npx", ["mnas", ...args], { cwd: user, env, encoding: "utf8" });
    const measured = mnas("measure", network, "--json");
    expect([measured.status, measured.stderr]).toEqual([0, ""]);
    expect(JSON.parse(measured.stdout)).toMatchObject([{ runtime: "ONNX Runtime" }]);
    const trained = mnas(
      "train",
      network.replace("16x16x3", "28x28x1").replace("classes3", "classes10"),
      "--epochs",
      "0.01",
      "--json",
      "--out",
      "w.safetensors",
    );
    expect([trained.status, existsSync(join(user, "w.safetensors"))]).toEqual([0, true]);
  });

  test("is a library whose types resolve and whose spaces can be sampled", () => {
    const code = `import { archOf, createRng, formatArch, mnasnetTinySpace, sample, type Genotype } from "mnas";
      const space = mnasnetTinySpace;
      const genotype: Genotype = sample(space, createRng(1));
      console.log(formatArch(archOf(space, genotype, { height: 28, width: 28, channels: 1, classes: 10 })));`;
    writeFileSync(join(user, "main.ts"), code);
    const config = {
      module: "nodenext",
      target: "esnext",
      strict: true,
      noEmit: true,
      lib: ["esnext", "dom"],
      types: [],
    };
    writeFileSync(join(user, "tsconfig.json"), JSON.stringify({ compilerOptions: config, files: ["main.ts"] }));
    const tsc = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", user], { encoding: "utf8", env });
    expect([tsc.status, tsc.stdout]).toEqual([0, ""]);
    const run = spawnSync(process.execPath, ["main.ts"], { cwd: user, env, encoding: "utf8" });
    expect(run.stdout).toMatch(/^in28x28x1 stem.* classes10\n$/);
  });

  test.skipIf(process.platform === "win32")("runs under an older Node, for which npm brings a newer one once", () => {
    const old = join(space.dir, "old");
    const name = `node-${process.platform}-${process.arch}@20`;
    execFileSync("npm", ["install", "--prefix", old, "--no-audit", "--no-fund", name], {
      env,
      stdio: "pipe",
      timeout: 280_000,
    });
    const older = environment(
      home,
      [join(old, "node_modules", name.replace("@20", ""), "bin"), systemPath].join(delimiter),
    );
    const mnas = (...args: string[]) =>
      spawnSync(join(user, "node_modules/.bin/mnas"), args, { cwd: user, env: older, encoding: "utf8" });
    expect(spawnSync("node", ["--version"], { env: older, encoding: "utf8" }).stdout).toMatch(/^v20\./);
    const first = mnas("measure", network, "--json");
    expect([first.status, JSON.parse(first.stdout)]).toMatchObject([0, [{ runtime: "ONNX Runtime" }]]);
    expect(first.stderr).toContain("npm brings 24");
    expect(mnas("--version")).toMatchObject({ status: 0, stdout: "0.1.0\n", stderr: "" });
    expect(mnas("measure", "nothing-like-it")).toMatchObject({ status: 2 });
  });
});
