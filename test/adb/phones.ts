import { chmodSync, copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

const properties: Readonly<Record<string, string>> = {
  "ro.product.model": "Pixel 8",
  "ro.soc.model": "Tensor G3",
  "ro.build.version.release": "15",
  "ro.build.version.sdk": "35",
  "ro.build.id": "AP4A.250105.002",
};

function program(path: string, lines: readonly string[]): void {
  writeFileSync(path, `#!/bin/sh\n${lines.join("\n")}\n`);
  chmodSync(path, 0o755);
}

export interface Phones {
  /** For a process that shall find these phones. */
  readonly env: Readonly<Record<string, string>>;
  /** Of the phone's file system. */
  readonly root: string;
  /** Folders of ours that are on the phone. */
  readonly left: () => string[];
  /** What `adb` was called with. */
  readonly calls: () => string[];
}

/** A phone with four slow and two fast cores in a folder, and an `adb` that reaches it. */
export function makePhones(dir: string, serial = "R5CT10TEST", more: Readonly<Record<string, string>> = {}): Phones {
  const folderName = serial.replaceAll(/[^\w.-]/g, "_");
  const root = join(dir, folderName);
  for (const folder of ["path", `${folderName}/bin`, `${folderName}/data/local/tmp`])
    mkdirSync(join(dir, folder), { recursive: true });
  for (let core = 0; core < 6; core++) {
    const folder = join(root, `sys/devices/system/cpu/cpu${core}/cpufreq`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "cpuinfo_max_freq"), core < 4 ? "1704000\n" : "2914000\n");
  }
  writeFileSync(join(dir, "devices"), `${serial}\tdevice\n`);
  const cases = Object.entries({ ...properties, ...more }).map(([name, value]) => `${name}) echo "${value}" ;;`);
  program(join(root, "bin/getprop"), ["case $1 in", ...cases, "*) echo ;;", "esac"]);
  program(join(root, "bin/dumpsys"), ['printf "Current Battery Service state:\\n  level: 80\\n  temperature: 312\\n"']);
  program(join(root, "bin/taskset"), [`printf '%s\\n' "$1" >>${join(root, "masks")}`, "shift", 'exec "$@"']);
  copyFileSync(here("adb.sh"), join(dir, "path/adb"));
  chmodSync(join(dir, "path/adb"), 0o755);
  const read = (): string[] => readFileSync(join(dir, "calls"), "utf8").trim().split("\n");
  return {
    env: {
      MNAS_PHONES: dir,
      MNAS_BENCHMARK_MODEL: here("benchmark_model.sh"),
      PATH: `${join(dir, "path")}${delimiter}${process.env["PATH"] ?? ""}`,
    },
    root,
    left: () => readdirSync(join(root, "data/local/tmp")),
    calls: read,
  };
}
