#!/usr/bin/env node
const major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error(`error: Cannot run mnas on Node ${process.versions.node}: it needs 24 or newer`);
  console.error("hint: In a clone, `npx mnas` uses the Node that `npm ci` installed; elsewhere, update Node.");
  process.exit(2);
}
await import("../dist/cli/main.js");
