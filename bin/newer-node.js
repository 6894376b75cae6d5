/* Node 24 for machines with an older one: npm's registry has it as a package, without install scripts. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const wanted = "24.21.0";

/** Whether a folder is missing, or is this user's alone: in a folder for all, another user could lay a program there. */
function isOwn(folder) {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined || process.getuid === undefined) return true;
  return found.isDirectory() && found.uid === process.getuid() && (found.mode & 0o022) === 0;
}

/** Where a downloaded Node may stay, best first; the same folders as those of decoded images. */
function folders() {
  const { MNAS_CACHE_DIR, XDG_CACHE_HOME } = process.env;
  let home = "";
  try {
    home = homedir();
  } catch {
    // A user id without a name has no home.
  }
  const found = [MNAS_CACHE_DIR, XDG_CACHE_HOME && join(XDG_CACHE_HOME, "mnas"), home && join(home, ".cache", "mnas")];
  const shared = join(tmpdir(), `mnas-${process.getuid?.() ?? "cache"}`);
  return [...found.filter((folder) => folder), ...(isOwn(shared) ? [shared] : [])];
}

/** The name of the package and of the program in it, by platform. */
const platform = process.platform === "win32" ? "win" : process.platform;
const name = `node-${platform}-${process.arch}`;
const program = join("node_modules", name, "bin", process.platform === "win32" ? "node.exe" : "node");

/** Node as it lies beside mnas in a clone, or as an earlier start left it. */
function present() {
  const near = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));
  const kept = folders().map((folder) => join(folder, `node-${wanted}`, program));
  return [near, ...kept].find((file) => existsSync(file));
}

/** Installs Node with npm into the first folder that can be written; null when there is none or npm fails. */
function install() {
  console.error(`mnas needs Node 24, this is ${process.versions.node}: npm brings ${wanted} once, about 50 MB`);
  for (const folder of folders()) {
    let made;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (!folders().includes(folder)) continue;
      made = mkdtempSync(join(folder, "node-"));
    } catch {
      continue;
    }
    const args = [
      "install",
      "--prefix",
      made,
      "--no-save",
      "--no-audit",
      "--no-fund",
      "--ignore-scripts",
      "--global=false",
    ];
    const npm = spawnSync("npm", [...args, `${name}@${wanted}`], {
      stdio: ["ignore", 2, 2],
      shell: process.platform === "win32",
    });
    const whole = join(folder, `node-${wanted}`);
    try {
      if (npm.status === 0 && existsSync(join(made, program))) renameSync(made, whole);
    } catch {
      // Another start of mnas was faster.
    }
    rmSync(made, { recursive: true, force: true });
    if (existsSync(join(whole, program))) return join(whole, program);
    return null;
  }
  return null;
}

/** Runs the same command in Node 24, passes signals on, and ends as it ends. */
export function startAgain() {
  const node = present() ?? install();
  if (node === null) {
    console.error(
      `error: Cannot run mnas on Node ${process.versions.node}: it needs 24 or newer, and npm could not bring it`,
    );
    console.error("hint: Install Node 24 and run mnas with it.");
    process.exit(2);
  }
  const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"]) {
    // A terminal sends Ctrl-C to both; the child decides when it has ended.
    process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY) || child.kill(signal));
  }
  // npx waits for its command: where it is gone, it was killed.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.env.npm_command !== "exec" || process.ppid === parent) return;
    clearInterval(watch);
    child.kill("SIGTERM");
  }, 500).unref();
  child.on("error", (error) => {
    console.error(`error: Cannot start ${node}: ${error.message}`);
    process.exit(2);
  });
  child.on("close", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
