import { MnasError } from "../../errors.ts";
import { ignoresShapes } from "./benchmark-model.ts";
import type { Phone } from "./phone.ts";
import type { ToolPlan, ToolRun } from "./tool-run.ts";
import type { Tool } from "./tools.ts";

/** Where and on what a tool runs. */
export interface Place {
  /** Of the device. */
  readonly name: string;
  readonly phone: Phone;
  /** Of cores; null for any. */
  readonly mask: string | null;
}

/** Longest time beyond what was planned: to load a model, and to make the runs of a slow one. */
const patienceMs = 600_000;

/** What a phone's shell says when it cannot start a program. */
const unstartable = /not executable|not found|permission denied|CANNOT LINK|exec format error|inaccessible/i;

/** Said by the linker where a program is aligned to smaller pages of memory than the phone has. */
const misaligned = /program alignment|system page size|page[- ]?(?:size|align)/i;

/** What lines have that say what went wrong; the first such line says it best. */
const complaint = /error|fail|invalid|not a valid|not executable|not found|denied|cannot|n't |exception|alignment/i;

/** What went wrong, by the output. */
function problemOf(output: string): string {
  const lines = output.split("\n").flatMap((line) => {
    const text = line.replace(/^(?:INFO|WARN|ERROR): /, "").trim();
    return text === "" || /^(?:Benchmarking failed|STARTING!)/.test(text) ? [] : [text];
  });
  return (lines.find((line) => complaint.test(line)) ?? lines.at(-1) ?? "").slice(0, 200);
}

/** Why a tool gave no numbers, as an error; the phone is there. */
function errorOf(place: Place, tool: Tool, model: string, code: number | null, output: string): MnasError {
  const problem = problemOf(output);
  const unavailable = (why: string, hint: string): MnasError =>
    new MnasError("DEVICE_UNAVAILABLE", `Cannot measure "${model}" on ${place.name}: ${why}`, { hint });
  if (code === null)
    return unavailable(`${tool.file} did not end in time`, "Look whether the phone is busy or asleep.");
  if (/taskset/.test(problem))
    return unavailable(
      `it cannot run on cores ${place.mask} (${problem})`,
      "Choose other cores, for example adb:SERIAL@f0; `adb shell cat /proc/self/status` lists those allowed.",
    );
  if (misaligned.test(problem))
    return unavailable(
      `the phone has larger pages of memory than ${tool.file} was built for (${problem})`,
      `Set ${tool.variable} to a program built for pages of 16 KB, for example with Android NDK r28 or later.`,
    );
  if (code === 126 || code === 127 || (unstartable.test(problem) && problem.includes(place.phone.folder)))
    return unavailable(
      `the phone cannot start ${tool.file} (${problem})`,
      `See that ${tool.variable} names a program for the phone's processor (\`adb shell getprop ro.product.cpu.abi\`).`,
    );
  if (code === 137)
    return unavailable(`${tool.file} was killed`, "The phone may be short of memory; close its apps and try again.");
  if (ignoresShapes(output))
    return unavailable(
      `this ${tool.file} cannot set the shapes of inputs`,
      "Use TensorFlow Lite's benchmark_model, or convert the network with fixed shapes.",
    );
  if (code === 0)
    return unavailable(
      `the output of ${tool.file} has no times that mnas knows (${problem || "it is empty"})`,
      tool.hint,
    );
  const why =
    code > 128 ? `it crashed (exit code ${code})` : problem || `it ended with exit code ${code} and said nothing`;
  return new MnasError("MODEL_INVALID", `Cannot run "${model}" in ${tool.runtime} on ${place.name}: ${why}`, {
    hint: `Other networks may run there; a newer ${tool.file} may know the operations of this one.`,
  });
}

/**
 * Runs a model in one process of a tool on the phone.
 *
 * @throws MnasError `MODEL_INVALID` when the tool refuses the model, `DEVICE_UNAVAILABLE` when the phone is gone or
 * cannot run the tool; the reason of `signal` when that aborts.
 */
export async function runTool(
  place: Place,
  tool: Tool,
  model: string,
  plan: ToolPlan,
  signal: AbortSignal,
): Promise<ToolRun> {
  const { phone, mask } = place;
  const pinned = mask === null ? "" : `taskset ${mask} `;
  const program = `${phone.folder}/${tool.file} ${tool.args(plan).join(" ")}`;
  const timeoutMs = patienceMs + 2000 * (plan.seconds + plan.warmupSeconds);
  const options = { timeoutMs, signal };
  // The shell's number becomes the program's, so that it can be ended.
  const command = `echo $$ > ${phone.folder}/pid; exec ${pinned}${program} 2>&1`;
  let result;
  try {
    result = await phone.shell(command, options);
  } catch (error) {
    if (signal.aborted) await phone.endProgram();
    throw error;
  }
  const { code, stdout, stderr } = result;
  const run = code === 0 ? tool.parse(stdout) : null;
  if (run !== null) return run;
  await phone.check(`measure "${model}" on ${place.name}`);
  if (code === null) await phone.endProgram();
  throw errorOf(place, tool, model, code, `${stdout}\n${stderr}`);
}
