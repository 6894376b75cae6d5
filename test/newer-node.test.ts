import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { scratch } from "./mnas.ts";

const source = fileURLToPath(new URL("../bin/newer-node.js", import.meta.url));

/** Has a copy of the launcher, without the Node of a clone and without npm, look for a Node in the folder for all users. */
function start(mode: number) {
  using space = scratch();
  const kept = join(space.dir, `mnas-${process.getuid!()}`);
  const name = `node-${process.platform}-${process.arch}`;
  const bin = join(kept, "node-24.21.0", "node_modules", name, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "node"), "#!/bin/sh\necho found\n", { mode: 0o755 });
  chmodSync(kept, mode);
  mkdirSync(join(space.dir, "bin"));
  copyFileSync(source, join(space.dir, "bin", "newer-node.mjs"));
  const script = `import { startAgain } from ${JSON.stringify(join(space.dir, "bin", "newer-node.mjs"))}; startAgain();`;
  // Where nothing can be written, no other folder has a Node.
  const env = { TMPDIR: space.dir, HOME: "/dev/null", PATH: space.dir };
  const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { env });
  return { status, stdout: stdout.toString() };
}

test.skipIf(process.platform === "win32")(
  "a Node in the folder for temporary files is run only where no other user can have laid it",
  () => {
    expect([0o700, 0o755, 0o777].map(start)).toEqual([
      { status: 0, stdout: "found\n" },
      { status: 0, stdout: "found\n" },
      { status: 2, stdout: "" },
    ]);
  },
);
