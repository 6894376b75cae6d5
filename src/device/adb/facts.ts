/** What a phone says of itself. */
export interface PhoneFacts {
  /** Model and chip, for example "Pixel 8 (Tensor G3)". */
  readonly device: string;
  readonly os: string;
  readonly isEmulator: boolean;
  /** Highest frequency of each core whose frequency is told, in kHz. */
  readonly frequencies: ReadonlyMap<number, number>;
}

const properties = [
  "ro.product.model",
  "ro.soc.model",
  "ro.board.platform",
  "ro.build.version.release",
  "ro.build.version.sdk",
  "ro.build.id",
  // Android 12 and later say the second only; the last two are for images that say neither.
  "ro.kernel.qemu",
  "ro.boot.qemu",
  "ro.hardware",
  "ro.build.characteristics",
];

/** A command for the phone's shell whose output `parseFacts` reads. */
export const factsCommand = [
  `for p in ${properties.join(" ")}; do echo "$p=$(getprop $p)"; done`,
  `for c in /sys/devices/system/cpu/cpu[0-9]*; do echo "\${c##*/}=$(cat $c/cpufreq/cpuinfo_max_freq 2>/dev/null)"; done`,
].join("; ");

/** Reads the output of `factsCommand`; what a phone does not say is "unknown", or left out. */
export function parseFacts(output: string): PhoneFacts {
  const facts = new Map(
    [...output.matchAll(/^([\w.]+)=(.*?)\r?$/gm)].map(([, key, value]) => [key!, value!.trim()] as const),
  );
  const say = (key: string): string | null => (facts.get(key) ?? "") || null;
  const chip = say("ro.soc.model") ?? say("ro.board.platform");
  const [release, sdk, build] = ["ro.build.version.release", "ro.build.version.sdk", "ro.build.id"].map(say);
  const details = [sdk === null ? null : `SDK ${sdk}`, build].filter((part) => part !== null);
  const cores = [...facts].flatMap(([key, value]) => {
    const core = /^cpu(\d{1,3})$/.exec(key)?.[1];
    return core !== undefined && Number(value) > 0 ? [[Number(core), Number(value)] as const] : [];
  });
  return {
    device: `${say("ro.product.model") ?? "unknown phone"}${chip === null ? "" : ` (${chip})`}`,
    os: `Android ${release ?? "unknown"}${details.length === 0 ? "" : ` (${details.join(", ")})`}`,
    isEmulator:
      say("ro.kernel.qemu") === "1" ||
      say("ro.boot.qemu") === "1" ||
      /^(?:ranchu|goldfish|cutf|vsoc)/.test(say("ro.hardware") ?? "") ||
      (say("ro.build.characteristics") ?? "").split(",").includes("emulator"),
    frequencies: new Map(cores),
  };
}

/** The cores that can run fastest, as a mask for `taskset`; null when the phone does not tell. */
export function fastestCores(frequencies: PhoneFacts["frequencies"]): string | null {
  if (frequencies.size === 0) return null;
  const most = Math.max(...frequencies.values());
  let mask = 0n;
  for (const [core, frequency] of frequencies) if (frequency === most) mask |= 1n << BigInt(core);
  return mask.toString(16);
}

/** A command whose output `parseTemperature` reads: the battery's is what every phone lets one read. */
export const temperatureCommand = "dumpsys battery";

/** The temperature of the battery in °C, which Android gives in tenths; null when it does not. */
export function parseTemperature(output: string): number | null {
  const tenths = /^\s*temperature:\s*(-?\d{1,4})\b/m.exec(output)?.[1];
  return tenths === undefined ? null : Number(tenths) / 10;
}
