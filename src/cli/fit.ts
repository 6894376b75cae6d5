import { compare, fitBest, leastSpearman } from "../device/predict/fit.ts";
import { builtInPrior, pricesOf, readPrior, writePredictor } from "../device/predict/predictor.ts";
import { shellWord } from "../util/shell.ts";
import { version } from "../version.ts";
import { checkOut } from "./export.ts";
import { measuredSamples, type DeviceFitOptions } from "./fit-device.ts";
import { tableSamples, type TableFitOptions } from "./fit-table.ts";
import { counted, heldOutText, percent, print, printJson, table, warn } from "./output.ts";

export interface FitOptions extends DeviceFitOptions, Omit<TableFitOptions, "measurements"> {
  readonly out: string;
  readonly measurements?: string;
  readonly prior?: string;
  readonly force?: boolean;
}

/** `mnas fit --device D --out predictor.json`, or of `--measurements FILE` */
export async function fit({ measurements, ...options }: FitOptions): Promise<void> {
  const { out, json = false, force = false } = options;
  checkOut(out, force);
  const prior = options.prior === undefined ? builtInPrior() : readPrior(options.prior);
  const about = await (measurements === undefined
    ? measuredSamples(options, prior)
    : tableSamples({ ...options, measurements }, prior));
  const { fitted, tested, unstable, ...provenance } = about;
  const { model, kinds } = fitBest(fitted, pricesOf(prior));
  const heldOut = compare(model, tested);
  const samples = fitted.length;
  writePredictor(out, { kind: "latency-predictor", version, ...provenance, samples, heldOut, model, prior });
  if (json) return printJson({ predictor: out, model: model.kind, heldOut, crossValidated: kinds, samples, unstable });
  if (unstable > 0) warn(`${counted(unstable, "network")} measured while the device was not stable`);
  print(
    table(
      ["model", "error of cross-validation"],
      kinds.map(({ kind, mape }) => [kind, percent(mape)]),
    ),
  );
  print();
  print(`held out  ${heldOutText(heldOut)}`);
  print(`predictor ${out}`);
  if ((heldOut.spearman ?? -1) >= leastSpearman)
    print(`next      mnas search --device ${shellWord(`predictor:${out}`)}`);
  else
    warn(
      `a rank correlation below ${leastSpearman} is too low for a search; fit to more networks, or to a table of the device as --prior`,
    );
}
