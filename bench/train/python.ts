import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const oldest = [2, 13] as const;
const environment = fileURLToPath(new URL("../../node_modules/.cache/bench/python", import.meta.url));

/** Version of PyTorch that a Python has; null without. */
function torchOf(python: string): string | null {
  try {
    const script = "import torch; print(torch.__version__)";
    return execFileSync(python, ["-c", script], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null;
  }
}

export interface Python {
  readonly program: string;
  readonly torch: string;
}

/** Python with PyTorch: `MNAS_PYTHON`, or a virtual environment that is made when it is first needed. */
export function findPython(): Python {
  const given = process.env["MNAS_PYTHON"];
  const program = given ?? join(environment, "bin", "python");
  if (given === undefined && torchOf(program) === null) {
    console.error("Installing PyTorch in node_modules/.cache (once; MNAS_PYTHON names another Python)");
    try {
      const stdio = ["ignore", process.stderr, process.stderr] as const;
      if (!existsSync(program)) execFileSync("python3", ["-m", "venv", environment], { stdio: [...stdio] });
      execFileSync(program, ["-m", "pip", "install", `torch>=${oldest.join(".")}`], { stdio: [...stdio] });
    } catch (cause) {
      throw new Error("Cannot install PyTorch: set MNAS_PYTHON to a Python that has it", { cause });
    }
  }
  const torch = torchOf(program);
  if (torch === null) throw new Error(`Cannot use "${program}": it has no PyTorch`);
  const [major = 0, minor = 0] = torch.split(".").map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    throw new Error(`Cannot use "${program}": PyTorch is ${torch}, must be at least ${oldest.join(".")}`);
  }
  return { program, torch };
}
