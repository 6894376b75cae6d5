import tab from "@bomb.sh/tab/commander";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { onCacheFault } from "../data/cache.ts";
import { inWords, onDamage } from "../data/damage.ts";
import { exitCodes, MnasError, otherExitCodes } from "../errors.ts";
import { searcherNames } from "../search/searchers.ts";
import { onStoreWait } from "../store/patience.ts";
import { recipeNames } from "../train/presets.ts";
import { shellWords } from "../util/shell.ts";
import { dieBySignals, refuseDebugger } from "../util/signals.ts";
import { version } from "../version.ts";
import { reportError, say, warn } from "./output.ts";

refuseDebugger();

const number = (need: string, holds: (n: number) => boolean) => (text: string) => {
  const value = Number(text);
  if (text.trim() === "" || !holds(value)) throw new InvalidArgumentError(`It must be ${need}.`);
  return value;
};
const count = number("a positive integer", (n) => Number.isInteger(n) && n > 0);
const countOrZero = number("0 or a positive integer", (n) => Number.isInteger(n) && n >= 0);
const several = number("an integer of 5 or more", (n) => Number.isInteger(n) && n >= 5);
const integer = number("an integer", Number.isInteger);
const positive = number("a positive number", (n) => Number.isFinite(n) && n > 0);

/** `5%` or `0.05`. */
function shareOf(text: string): number {
  const value = text.trim().endsWith("%") ? Number(text.trim().slice(0, -1)) / 100 : Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError("It must be a share from 0 to 1, like 5% or 0.05.");
  return value;
}

/** A number of images, or `any`. */
const batch = (text: string): number | "any" =>
  text === "any"
    ? text
    : number("any, or an integer from 1 to 1024", (n) => Number.isInteger(n) && n > 0 && n <= 1024)(text);

/** `0.8,105e6` or `80%,105e6`. */
function corner(text: string): { accuracy: number; cost: number } {
  const [accuracy = "", cost = "", ...rest] = text.split(",");
  const share = accuracy.endsWith("%") ? Number(accuracy.slice(0, -1)) / 100 : Number(accuracy);
  const isRight = share >= 0 && share <= 1 && Number(cost) > 0 && rest.length === 0;
  if (!isRight) throw new InvalidArgumentError("It must be an accuracy and a cost, like 80%,105e6.");
  return { accuracy: share, cost: Number(cost) };
}

/** A file or folder; an empty name is mostly a variable of a script that is not set. */
const path = (text: string): string => {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
};

/** A time such as `2ms`, `0.5ms`, `800us`, `0.01s`; a bare number is milliseconds. In ms. */
function milliseconds(text: string): number {
  const [, value = "", unit = "ms"] = /^\s*([\d.eE+-]+)\s*(us|µs|ms|s)?\s*$/.exec(text) ?? [];
  const scale = { us: 1e-3, µs: 1e-3, ms: 1, s: 1e3 }[unit] ?? 1;
  const time = Number(value) * scale;
  if (value === "" || !Number.isFinite(time) || time <= 0)
    throw new InvalidArgumentError("It must be a time above 0, like 2ms or 800us.");
  return time;
}

/** `NAME=N`, any number of times. A name may hold the sign itself. */
function dims(text: string, before: ReadonlyMap<string, number> = new Map()): ReadonlyMap<string, number> {
  const [, name = "", size = ""] = /^(.+)=(\d+)$/.exec(text) ?? [];
  if (!(Number(size) > 0))
    throw new InvalidArgumentError("It must be the name of an axis and its size, like frames=16.");
  return new Map([...before, [name, Number(size)]]);
}

/** `NAME[:PORT]`, any number of times; read where the server is opened. */
const hosts = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

/** A command as a shell would split it. */
function words(text: string): string[] {
  const split = shellWords(text);
  if (split === null) throw new InvalidArgumentError("A quotation mark is not closed.");
  if (split.length === 0) throw new InvalidArgumentError("It must not be empty.");
  return split;
}

const json = (): Option => new Option("--json", "print JSON; errors as JSON on standard error");
const seed = (): Option => new Option("--seed <n>", "decides everything that is random").argParser(integer);
const data = (): Option =>
  new Option(
    "--data <source>",
    "fashion-mnist (embedded), or a folder of IDX files, CIFAR batches or images",
  ).argParser(path);
const mostDamaged = (): Option =>
  new Option("--most-damaged <share>", "share of damaged images up to which the others are used (10%)").argParser(
    shareOf,
  );
const strictData = (): Option =>
  new Option("--strict-data", "refuse data with damaged images, other files, or classes that a part lacks");
const device = (): Option =>
  new Option(
    "--device <name>",
    "what times the networks: host, page[:NAME], adb[:SERIAL], tcp://HOST:PORT; table:FILE, predictor:FILE; or the proxy madds",
  );
const space = (): Option =>
  new Option("--space <name>", "search space: mnasnet-tiny, mnasnet, or one of your own in the config file");
const sustained = (): Option =>
  new Option("--sustained", "measure after a minute of load: what the device does for long");
const listen = (): Option =>
  new Option("--listen <host[:port]>", "where devices that join find this machine (127.0.0.1)").argParser(path);
const allowHost = (): Option =>
  new Option(
    "--allow-host <name[:port]>",
    "another name by which devices reach this machine, any number of times",
  ).argParser(hosts);
const publicUrl = (): Option =>
  new Option("--public-url <url>", "address that leads devices to this machine, like https://NAME").argParser(path);
const host = (): Option =>
  new Option("--host <host>", "address to listen on (127.0.0.1); 0.0.0.0 for all").argParser(path);
const port = (): Option => new Option("--port <n>", "port to listen on; 0 for any that is free").argParser(countOrZero);
const size = (): Option => new Option("--size <px>", "side of the images").argParser(count);
const width = (): Option => new Option("--width <x>", "width multiplier of a zoo network").argParser(positive);

const program = new Command("mnas")
  .description("Find the most accurate image network that runs in T milliseconds on your device")
  .version(version)
  .addHelpText(
    "after",
    `
Examples:
  mnas search                                 search on the embedded data for this machine
  mnas search --data ./photos --target 2ms    your images, your budget
  mnas pareto runs/NAME                       the best trade-offs of a run
  mnas export runs/NAME#12 --out model.onnx   a trained network as a file`,
  )
  .showHelpAfterError("(mnas --help lists commands and options)")
  .exitOverride();

const command = (usage: string, description: string): Command =>
  program.command(usage).description(description).addOption(json());

command("search", "run or continue a search")
  .addOption(space())
  .addOption(data())
  .addOption(size())
  .addOption(mostDamaged())
  .addOption(strictData())
  .addOption(new Option("--target <time>", "target latency, like 2ms").argParser(milliseconds))
  .addOption(
    new Option("--targets <times>", "several targets at once, like 1ms,2ms,4ms; a finalist for each")
      .argParser((text) => text.split(",").map(milliseconds))
      .conflicts("target"),
  )
  .addOption(
    new Option("--objective <what>", "the best network for a target, or the whole front").choices(["reward", "front"]),
  )
  .addOption(device())
  .addOption(sustained())
  .addOption(listen())
  .addOption(allowHost())
  .addOption(publicUrl())
  .addOption(new Option("--searcher <name>", "what proposes networks").choices(searcherNames))
  .addOption(
    new Option("--reward <kind>", "how accuracy and latency are weighed").choices(["hard", "soft", "absolute"]),
  )
  .addOption(new Option("--trials <n>", "networks to propose in all").argParser(count))
  .addOption(new Option("--batch <n>", "networks per round of learning").argParser(count))
  .addOption(new Option("--workers <n>", "training processes (one per core)").argParser(count))
  .addOption(new Option("--finalists <n>", "networks trained long at the end; 0 for none").argParser(countOrZero))
  .addOption(new Option("--final-seeds <n>", "how often each of them is trained").argParser(count))
  .addOption(
    new Option("--baselines <n>", "widths of MobileNetV2 that each is compared with; 0 for none").argParser(
      countOrZero,
    ),
  )
  .addOption(seed())
  .option("--evaluator <command>", "a program that trains instead of mnas, like 'python3 trainer.py'", words)
  .option("--config <file>", "config file (mnas.config.ts, if there is one)", path)
  .option("--out <dir>", "run folder (a new one under runs/)", path)
  .option("--resume [run]", "continue a run (the newest under runs/)", path)
  .option("--force", "search with a predictor that ranks networks badly, or go on with another device")
  .action(async (options) => (await import("./search.ts")).search(options));

command("pareto <run>", "show the trials that no other trial beats").action(async (run, options) =>
  (await import("./trials.ts")).pareto(run, options),
);

command("trials <run>", "list the trials of a run").action(async (run, options) =>
  (await import("./trials.ts")).trials(run, options),
);

command("show <trial>", "show one trial, given as RUN#N").action(async (trial, options) =>
  (await import("./show.ts")).show(trial, options),
);

command("export [network]", "write a trained network as ONNX or TFLite: RUN#N, or the one of --weights")
  .requiredOption("--out <file>", "file to write, .onnx or .tflite", path)
  .addOption(new Option("--format <name>", "format, where the ending does not say it").choices(["onnx", "tflite"]))
  .option("--weights <file>", "weights that `mnas train --out` wrote; they say which network they are for", path)
  .option("--untrained", "random weights, for a zoo name, a notation or a JSON file")
  .option("--int8", "int8 weights and values; says what it costs in accuracy")
  .addOption(
    new Option("--input <kind>", "pixels 0 to 255, as TFLite has it by default, or normalised, as ONNX").choices([
      "pixels",
      "normalised",
    ]),
  )
  .option("--rgb", "colour input for a network of grey images")
  .option("--softmax", "probabilities instead of logits")
  .addOption(new Option("--batch <n>", "images at a time in an ONNX file, or any (default: 1)").argParser(batch))
  .option("--symmetric", "with --int8, ONNX whose zero points are 0, as TensorRT needs it")
  .addOption(data())
  .option("--force", "overwrite the file")
  .addOption(width())
  .addOption(size())
  .addOption(new Option("--classes <n>", "classes of a zoo network").argParser(count))
  .addOption(seed())
  .action(async (network, options) => (await import("./export.ts")).exportNetwork(network, options));

command("measure <network...>", "measure latency of networks, .onnx or .tflite files on a device")
  .addOption(device())
  .addOption(sustained())
  .addOption(listen())
  .addOption(allowHost())
  .addOption(publicUrl())
  .addOption(width())
  .addOption(new Option("--size <px>", "side of the images of a zoo network or a file").argParser(count))
  .addOption(new Option("--classes <n>", "classes of a zoo network").argParser(count))
  .addOption(new Option("--dim <name=n>", "size of another open axis of a file").argParser(dims))
  .action(async (networks, options) => (await import("./measure.ts")).measure(networks, options));

command("profile", "measure every layer of a search space on a device, to predict latencies without it")
  .addOption(device())
  .addOption(listen())
  .addOption(allowHost())
  .addOption(publicUrl())
  .addOption(space())
  .addOption(data())
  .addOption(size())
  .addOption(new Option("--classes <n>", "classes, with --size and without --data (1000)").argParser(count))
  .option("--config <file>", "config file (mnas.config.ts, if there is one)", path)
  .requiredOption("--out <file>", "table to write, or to go on with", path)
  .action(async (options) => (await import("./profile.ts")).profile(options));

command("fit", "measure some networks of a search space on a device, and fit a predictor of latency to them")
  .addOption(device())
  .addOption(listen())
  .addOption(allowHost())
  .addOption(publicUrl())
  .addOption(space())
  .addOption(
    new Option("--samples <n>", "networks to fit to (30, or all of a file but the held-out)").argParser(several),
  )
  .addOption(new Option("--held-out <n>", "networks that show how well it predicts (15)").argParser(several))
  .option("--measurements <file>", "CSV of network and ms to fit to, instead of measuring", path)
  .option("--prior <file>", "table or predictor to build upon, also of another device (built in: a server)", path)
  .addOption(data())
  .addOption(size())
  .addOption(new Option("--classes <n>", "classes, with --size and without --data (1000)").argParser(count))
  .addOption(seed())
  .option("--config <file>", "config file (mnas.config.ts, if there is one)", path)
  .requiredOption("--out <file>", "predictor to write", path)
  .option("--force", "overwrite the file")
  .action(async (options) => (await import("./fit.ts")).fit(options));

command("devices", "let browsers join as devices, and list them")
  .addOption(host())
  .addOption(port())
  .addOption(allowHost())
  .addOption(publicUrl())
  .action(async (options) => (await import("./devices.ts")).devices(options));

program
  .command("device")
  .description("let this machine be a device")
  .command("serve")
  .description("measure for searches that run elsewhere")
  .addOption(json())
  .addOption(host())
  .addOption(port())
  .addOption(new Option("--token <token>", "what searches must know (a random one, or MNAS_TOKEN)"))
  .action(async (options) => (await import("./device-serve.ts")).deviceServe(options));

command("train <network>", "train one network and say how good it is")
  .addOption(data())
  .addOption(size())
  .addOption(mostDamaged())
  .addOption(strictData())
  .addOption(width())
  .addOption(new Option("--recipe <name>", "how it is trained (final)").choices(recipeNames))
  .addOption(new Option("--epochs <n>", "passes over the training images").argParser(positive))
  .addOption(new Option("--batch <n>", "images of a step, with the learning rate in proportion").argParser(count))
  .addOption(new Option("--workers <n>", "threads that share each batch (one per core)").argParser(count))
  .option("--init <file>", "begin with weights that `mnas train --out` wrote", path)
  .option("--test", "evaluate on the test images as well")
  .option("--out <file>", "write the weights (.safetensors)", path)
  .option("--resume", "continue a training that was interrupted, from the state beside --out")
  .option("--force", "overwrite the file")
  .option("--config <file>", "config file (mnas.config.ts, if there is one)", path)
  .addOption(seed())
  .action(async (network, options) => (await import("./train.ts")).trainNetwork(network, options));

command("replay", "search in a table of known results instead of training")
  .requiredOption("--table <file>", "JSON or CSV of network → accuracy and cost", path)
  .addOption(
    new Option("--objective <what>", "what is sought").choices(["accuracy", "reward", "front"]).default("reward"),
  )
  .addOption(new Option("--searcher <name>", "what proposes networks").choices(searcherNames).default(searcherNames[0]))
  .addOption(
    new Option("--reward <kind>", "how accuracy and cost are weighed")
      .choices(["hard", "soft", "absolute"])
      .default("hard"),
  )
  .addOption(new Option("--target <cost>", "target, in the table's unit (the median)").argParser(positive))
  .addOption(new Option("--samples <n>", "networks to propose").argParser(count).default(200))
  .addOption(new Option("--seeds <k>", "searches, each with another seed").argParser(count).default(20))
  .addOption(new Option("--batch <n>", "networks per round of learning").argParser(count).default(8))
  .addOption(new Option("--workers <n>", "simulated trainings at a time").argParser(count).default(1))
  .addOption(
    new Option("--reference <accuracy,cost>", "corner of the hypervolume (the worst of the table)").argParser(corner),
  )
  .addOption(seed().default(0))
  .option("--out <name>", "also write NAME.json and NAME.svg", path)
  .action(async (options) => (await import("./replay.ts")).replay(options));

command("validate-proxy", "say how well the short training of a search ranks networks")
  .option("--space <name>", "search space, as for a search")
  .addOption(data())
  .addOption(size())
  .addOption(mostDamaged())
  .addOption(strictData())
  .addOption(new Option("--networks <n>", "networks to train (12)").argParser(count))
  .addOption(new Option("--workers <n>", "training processes (one per core)").argParser(count))
  .addOption(seed())
  .option("--config <file>", "config file (mnas.config.ts, if there is one)", path)
  .option("--out <file>", "write the result as JSON there too", path)
  .option("--resume", "continue a validation that was interrupted, or one with fewer networks")
  .option("--force", "begin anew")
  .action(async (options) => (await import("./validate-proxy.ts")).validateProxyCommand(options));

command("models [name]", "list the reference networks, or show one in full")
  .addOption(width())
  .addOption(size())
  .addOption(new Option("--classes <n>", "number of classes").argParser(count))
  .action(async (name, options) => (await import("./models.ts")).models(name, options));

command("doctor", "say what this machine has").action(async (options) => (await import("./doctor.ts")).doctor(options));

command("init", "write a mnas.config.ts to start from")
  .option("--force", "overwrite the file")
  .action(async (options) => (await import("./init.ts")).init(options));

// Adds `mnas complete <shell>`.
tab(program);

// A reader that goes away (`| head`) ends the command quietly, as the signal SIGPIPE would: 128 + 13. The workers of a
// search end with it, and the run can be resumed. A terminal that is gone (EIO) has sent SIGHUP, which ends the command.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(otherExitCodes.readerGone);
    if (error.code !== "EIO") throw error;
  });
}

const asJson = process.argv.includes("--json");
// Commands that draw a bar tell it in their own way; few ever need what makes notices.
const tellWarning = (message: string): void => {
  const tell = ({ noticeView }: typeof import("./notices.ts")): void =>
    noticeView(asJson ? "stderr" : "none")({ event: "warning", message });
  void import("./notices.ts").then(tell);
};
onDamage(inWords(tellWarning));
onCacheFault(tellWarning);
// The thread is blocked meanwhile, and hears no signal; all that is recorded is kept.
onStoreWait((message) => {
  const text = `${message}; Ctrl-C ends the command`;
  if (asJson) say(JSON.stringify({ event: "warning", message: text }));
  else warn(text);
  return dieBySignals();
});
const all = [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)];
if (asJson) for (const each of all) each.configureOutput({ writeErr: () => {} });

try {
  if (process.argv.length <= 2) program.outputHelp();
  else await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? otherExitCodes.done : exitCodes.USAGE;
    if (asJson && error.exitCode !== 0) {
      process.stderr.write(
        `${JSON.stringify({ error: { code: "USAGE", message: error.message.replace(/^error: /, "") } })}\n`,
      );
    }
  } else {
    process.exitCode = reportError(error, { json: asJson });
    // Work that nobody waits for any more, such as images being decoded, would keep the process.
    if (error instanceof MnasError && error.code === "INTERRUPTED") process.exit();
  }
}
