import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const environment = fileURLToPath(new URL("../node_modules/.cache/bench/python", import.meta.url));

/** What a benchmark compares us with. */
interface Package {
  /** For people. */
  readonly title: string;
  /** To pip and to Python. */
  readonly name: string;
  readonly oldest: readonly [major: number, minor: number];
}

const packages = {
  pytorch: { title: "PyTorch", name: "torch", oldest: [2, 13] },
  optuna: { title: "Optuna", name: "optuna", oldest: [4, 0] },
} as const satisfies Record<string, Package>;

/** Version of the package that a Python has; null without. */
function versionOf(python: string, name: string): string | null {
  try {
    const script = `import ${name}; print(${name}.__version__)`;
    return execFileSync(python, ["-c", script], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null;
  }
}

export interface Python {
  readonly program: string;
  /** Of the package. */
  readonly version: string;
}

/** Python with a package: `MNAS_PYTHON`, or a virtual environment that is made when it is first needed. */
export function findPython(which: keyof typeof packages): Python {
  const { title, name, oldest } = packages[which];
  const given = process.env["MNAS_PYTHON"];
  const program = given ?? join(environment, "bin", "python");
  if (given === undefined && versionOf(program, name) === null) {
    console.error(`Installing ${title} in node_modules/.cache (once; MNAS_PYTHON names another Python)`);
    try {
      const stdio = ["ignore", process.stderr, process.stderr] as const;
      if (!existsSync(program)) execFileSync("python3", ["-m", "venv", environment], { stdio: [...stdio] });
      execFileSync(program, ["-m", "pip", "install", `${name}>=${oldest.join(".")}`], { stdio: [...stdio] });
    } catch (cause) {
      throw new Error(`Cannot install ${title}: set MNAS_PYTHON to a Python that has it`, { cause });
    }
  }
  const version = versionOf(program, name);
  if (version === null) throw new Error(`Cannot use "${program}": it has no ${title}`);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    throw new Error(`Cannot use "${program}": ${title} is ${version}, must be at least ${oldest.join(".")}`);
  }
  return { program, version };
}
