import { spawn, spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { entry, type Ended } from "./mnas.ts";

/** A number that no user of a machine has, as containers and clusters give them. */
const id = 12345;

/** How a command is started under another user's number. */
interface Way {
  readonly before: readonly string[];
  readonly as: { readonly uid?: number; readonly gid?: number };
}

/** As root there is another user, who needs to read this folder; others rename themselves in a namespace of their own. */
const ways: readonly Way[] = [
  { before: [], as: { uid: id, gid: id } },
  { before: ["unshare", "--user", `--map-user=${id}`], as: {} },
];

const commandOf = ({ before }: Way, args: readonly string[]): [string, ...string[]] => [
  ...(before as [string, ...string[]]),
  process.execPath,
  entry,
  ...args,
];

/** The first way that works here; null where none does. */
const way = ways.find((each) => {
  const [program, ...args] = commandOf(each, ["--version"]);
  return spawnSync(program, args, { ...each.as, stdio: "ignore" }).status === 0;
});

/** Whether a command can be started here under a number without a name. */
export const canBeNameless = way !== undefined;

/** Starts a command in a folder under a number without a name, in an environment of this alone. */
export function startNameless(
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  onError: (text: string, stop: () => void) => void = () => {},
): Promise<Ended> {
  if (way === undefined) throw new Error("no way to be nameless here");
  chmodSync(cwd, 0o777);
  const [program, ...rest] = commandOf(way, args);
  const child = spawn(program, rest, { ...way.as, cwd, env: { PATH: process.env["PATH"], ...env } });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => (stdout += String(text)));
  child.stderr.on("data", (text) => {
    stderr += String(text);
    onError(stderr, () => child.kill("SIGTERM"));
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}
