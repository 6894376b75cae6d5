import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const bench = fileURLToPath(new URL("../node_modules/.cache/bench/python/bin/python", import.meta.url));

/** A Python that has PyTorch: `MNAS_PYTHON`, that of the benchmarks, or `python3`; null without one. */
export const python: string | null =
  [process.env["MNAS_PYTHON"], bench, "python3"].find((program) => {
    try {
      if (program !== undefined) execFileSync(program, ["-c", "import torch"], { stdio: "ignore" });
      return program !== undefined;
    } catch {
      return false;
    }
  }) ?? null;
