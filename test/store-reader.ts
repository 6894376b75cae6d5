/* A process that may not write: `store-reader.ts FILE` says how many trials there are. */
import { readStore } from "../src/store/sqlite.ts";

// For root nothing is forbidden.
if (process.getuid?.() === 0) process.setuid?.(65534);
using store = readStore(process.argv[2] ?? "");
process.send?.(store.trials("search").length, () => process.disconnect());
