import { join } from "node:path";
import { frontSvg, reportHtml, type ReportData } from "../report/report.ts";
import { writeFileAtomically } from "../util/files.ts";
import { comparisonsOf } from "./comparisons.ts";
import { trialRow } from "./events.ts";
import { finalRows } from "./final-row.ts";
import { frontOf } from "./front.ts";
import { fallenTexts, mirrorText } from "./mirror-check.ts";
import type { Run } from "./run.ts";

/** What the report shows of a run, read from its record alone. */
function reportData(run: Run): ReportData {
  const { dir, store } = run;
  const config = store.get("config")!;
  const target = store.get("target")!;
  const device = store.get("device")!;
  const trials = store.trials("search");
  const finals = finalRows(run);
  const rows = trials.map((trial) => trialRow(store, trial));
  const finding = store.get("mirror");
  const mirrored = finding === null ? null : mirrorText(finding, config.final.flip);
  return {
    title: dir,
    created: String(store.get("created")),
    dataset: String(store.get("dataset")),
    device: device.description,
    isProxy: device.origin === "proxy",
    proxy: store.get("proxy"),
    isPredicted: device.origin === "predicted",
    space: config.space.name,
    searcher: config.searcher,
    targetMs: target.targetMs,
    targetSource: target.source,
    gateMs: config.gate * target.targetMs,
    trials: rows,
    warnings: [...(mirrored === null ? [] : [mirrored]), ...fallenTexts(rows, finals)],
    front: frontOf(trials).map(({ number }) => number),
    finals,
    comparisons: comparisonsOf(finals),
    config,
    environment: store.get("environment"),
  };
}

/** Writes `report.html` and the plot alone, `front.svg`, into the run folder; returns the report's name. */
export function writeReport(run: Run): string {
  const data = reportData(run);
  writeFileAtomically(join(run.dir, "front.svg"), frontSvg(data));
  writeFileAtomically(join(run.dir, "report.html"), reportHtml(data));
  return "report.html";
}
