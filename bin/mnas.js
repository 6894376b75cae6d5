#!/usr/bin/env node
/* Starts the command line, in the Node that it needs. */
if (Number(process.versions.node.split(".")[0]) < 24) (await import("./newer-node.js")).startAgain();
else {
  // First of all: from here on SIGUSR1 opens no debugger.
  (await import("../dist/util/signals.js")).refuseDebugger();
  await import("../dist/cli/main.js");
}
