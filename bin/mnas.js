#!/usr/bin/env node
/* Starts the command line, in the Node that it needs. */
if (Number(process.versions.node.split(".")[0]) < 24) (await import("./newer-node.js")).startAgain();
else await import("../dist/cli/main.js");
