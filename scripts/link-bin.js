/* Puts this package's own command among its installed ones, so that `npx mnas` works inside a clone. */
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";

if (existsSync("node_modules")) {
  mkdirSync("node_modules/.bin", { recursive: true });
  chmodSync("bin/mnas.js", 0o755);
  rmSync("node_modules/.bin/mnas", { force: true });
  if (process.platform === "win32") {
    writeFileSync("node_modules/.bin/mnas.cmd", '@node "%~dp0\\..\\..\\bin\\mnas.js" %*\r\n');
  } else {
    symlinkSync("../../bin/mnas.js", "node_modules/.bin/mnas");
  }
}
