import tab from "@bomb.sh/tab/commander";
import { Command, CommanderError, Option } from "commander";
import { exitCodes, MnasError, otherExitCodes } from "../errors.ts";
import { searcherNames } from "../search/searchers.ts";
import { recipeNames } from "../train/presets.ts";
import { refuseDebugger } from "../util/signals.ts";
import { version } from "../version.ts";
import {
  batch,
  corner,
  count,
  countOrZero,
  dims,
  milliseconds,
  path,
  positive,
  several,
  words,
} from "./option-values.ts";
import {
  allowHost,
  data,
  device,
  flip,
  host,
  json,
  listen,
  mostDamaged,
  noFlip,
  port,
  publicUrl,
  seed,
  size,
  space,
  strictData,
  sustained,
  width,
} from "./options.ts";
import { reportError } from "./output.ts";
import { tellWarnings } from "./process.ts";
import { endWithoutOutput } from "./streams.ts";

refuseDebugger();

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
  .addOption(flip())
  .addOption(noFlip())
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
  .addOption(mostDamaged())
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
  .addOption(flip())
  .addOption(noFlip())
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

const asJson = process.argv.includes("--json");
endWithoutOutput({ json: asJson });
tellWarnings(asJson);
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
