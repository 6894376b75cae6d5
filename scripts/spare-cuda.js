/*
 * Before an installation from npm: the script of onnxruntime-node fetches CUDA libraries of hundreds of megabytes from
 * outside the registry, unless they are there, and fails where it cannot. mnas runs networks on the CPU, whose library
 * is inside the package. Empty files in their places make the script end at once; ONNXRUNTIME_NODE_INSTALL=cuda12
 * fetches the libraries all the same.
 */
import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const isWanted = process.env.ONNXRUNTIME_NODE_INSTALL ?? process.env.npm_config_onnxruntime_node_install;
try {
  if (isWanted === undefined || isWanted === "") {
    const require = createRequire(import.meta.url);
    const root = dirname(require.resolve("onnxruntime-node/package.json"));
    const { requirements, manifests } = require(join(root, "script/install-metadata.js"));
    const platform = `${process.platform}/${process.arch}`;
    for (const name of requirements[platform] ?? []) {
      for (const file of Object.keys(manifests[`${platform}:${name}`] ?? {})) {
        closeSync(openSync(join(root, "bin/napi-v6", platform, file), "a"));
      }
    }
  }
} catch {
  // Another version of onnxruntime-node has other scripts; its own installation says what it lacks.
}
