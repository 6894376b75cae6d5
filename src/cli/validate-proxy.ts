import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { differences, recordConfig, type Config, type UserConfig } from "../config/config.ts";
import type { Dataset } from "../data/dataset.ts";
import { fileDataset } from "../data/filed.ts";
import { MnasError } from "../errors.ts";
import { findValidation, saveValidation, validationDir, type Validation } from "../study/proxy/record.ts";
import { fewestNetworks } from "../study/proxy/result.ts";
import { validateProxy, type ValidationEvent } from "../study/proxy/validate.ts";
import { createRun, ownRun, type Run } from "../study/run.ts";
import { initStudy } from "../study/study.ts";
import { loadStudyData, moveRunData } from "../study/run-data.ts";
import { checkWritable, writeFileAtomically } from "../util/files.ts";
import { shellWord } from "../util/shell.ts";
import { loadConfig } from "./config-file.ts";
import { interruptible } from "./interrupt.ts";
import { counted, invocation, print, say } from "./output.ts";
import { environment } from "./search.ts";
import { validationTable } from "./validation-table.ts";
import { validationView } from "./validation-view.ts";

export interface ValidateProxyOptions {
  readonly space?: string;
  readonly data?: string;
  readonly size?: number;
  readonly mostDamaged?: number;
  readonly strictData?: boolean;
  readonly networks?: number;
  readonly workers?: number;
  readonly seed?: number;
  readonly config?: string;
  readonly out?: string;
  readonly resume?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** The command as it was given, to be continued. */
const continued = (): string => {
  const given = process.argv.slice(2).filter((word) => word !== "--resume" && word !== "--force");
  return [invocation, ...given.map(shellWord), "--resume"].join(" ");
};

/** Opens the run of a validation that was begun, or begins one. */
function openValidation(dir: string, config: Config, dataset: Dataset, { resume, force }: ValidateProxyOptions): Run {
  const exists = existsSync(join(dir, "study.db"));
  if (exists && force === true) {
    // Owned first, so that nobody is working in it.
    ownRun(dir)[Symbol.dispose]();
    rmSync(dir, { recursive: true, force: true });
  } else if (exists) {
    if (resume !== true) {
      throw new MnasError("RUN_EXISTS", `Cannot validate the proxy anew: a validation was begun in "${dir}"`, {
        hint: "Use --resume to continue it, or --force to begin anew.",
      });
    }
    const run = ownRun(dir);
    const changes = differences(run.store.get("config")!, recordConfig(config));
    const unlike = changes.filter((change) => /^(seed|final|evaluate):/.test(change));
    if (unlike.length === 0) {
      moveRunData(run, dataset, config);
      return run;
    }
    run[Symbol.dispose]();
    throw new MnasError("RUN_MISMATCH", `Cannot continue with other settings: ${unlike.join("; ")}`, {
      hint: "Give the old settings, or use --force to begin anew.",
    });
  } else if (resume === true) {
    throw new MnasError("RUN_NOT_FOUND", `Cannot resume: no validation of this proxy was begun on these data`, {
      hint: "Leave out --resume.",
    });
  }
  return createRun(dir, (store) => initStudy(store, config, dataset, environment()));
}

/** `mnas validate-proxy` */
export async function validateProxyCommand(options: ValidateProxyOptions): Promise<void> {
  const { json = false, networks = 12, out, resume, force } = options;
  if (networks < fewestNetworks) {
    throw new MnasError(
      "USAGE",
      `Cannot validate a proxy on ${counted(networks, "network")}: it takes ${fewestNetworks} or more`,
    );
  }
  if (out !== undefined) checkWritable(out);
  const { space, data, size, mostDamaged, strictData, workers, seed } = options;
  const flags: UserConfig = Object.fromEntries(
    Object.entries({ space, data, size, mostDamaged, strictData, workers, seed }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  const config = await loadConfig(options.config, flags);
  const dataset = fileDataset(await loadStudyData(config));

  const report = (validation: Validation, file: string): void => {
    if (out !== undefined) writeFileAtomically(out, JSON.stringify(validation, null, 2));
    if (!json) print(validationTable(validation));
    if (!json) say(`\nkept for searches with this space, data and proxy:\n${file}`);
  };
  const known = findValidation(config, dataset);
  if (known !== null && known.validation.asked >= networks && resume !== true && force !== true) {
    const { validation } = known;
    if (!json) say(`validated before, ${validation.time}; --force does it again\n`);
    const file = saveValidation(config, dataset, validation);
    if (json) print(JSON.stringify({ event: "done", file, validation } satisfies ValidationEvent));
    return report(validation, file);
  }

  const dir = validationDir(config, dataset);
  using run = openValidation(dir, config, dataset, options);
  const view = validationView();
  const emit = (event: ValidationEvent): void => {
    if (!json) view.show(event);
    else if (event.event !== "training") print(JSON.stringify(event));
    if (event.event !== "done") return;
    view.end();
    report(event.validation, event.file);
  };
  const ended = (): MnasError =>
    new MnasError("INTERRUPTED", "Validation interrupted; everything done so far is kept", {
      hint: `Continue with \`${continued()}\`.`,
    });
  try {
    await interruptible(json, ended, (signal) => validateProxy(run, config, { dataset, networks, signal, emit }));
  } finally {
    view.end();
  }
}
