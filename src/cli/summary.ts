import type { SearchEvent } from "../study/events.ts";
import { shellWord } from "../util/shell.ts";
import { invocation, ms, paint, print } from "./output.ts";
import { finalsTable, frontTable, meets } from "./tables.ts";

type Done = Extract<SearchEvent, { event: "done" }>;

/** What a finished search leaves the user with; `longer` is the command that goes on with it. */
export function summary({ dir, targetMs, front, finals, report }: Done, longer: string): void {
  print();
  print(paint("bold", `Pareto front (target ${ms(targetMs)})`));
  print(
    front.length === 0 ? "no network was trained: every one was over the gate or failed" : frontTable(front, targetMs),
  );
  if (finals.length > 0) {
    print();
    print(
      paint("bold", "Finalists against MobileNetV2 at the width nearest in latency, all trained by the same recipe"),
    );
    print(finalsTable(finals));
  }
  const ours = finals.filter(({ isReference, state }) => !isReference && state === "complete");
  const pick = ours.find((row) => meets(row, targetMs)) ?? ours[0];
  const isGood = pick !== undefined && meets(pick, targetMs);
  print();
  print(`run     ${dir}`);
  print(`report  ${report}`);
  if (pick?.model != null) {
    const note = isGood ? "" : `  (${ms(pick.latencyMs)}: over the target, like every finalist)`;
    print(`model   ${dir}/${pick.model}${note}`);
  }
  print();
  const run = shellWord(dir);
  const next = [`trials ${run}`];
  if (pick !== undefined) {
    const trial = shellWord(`${dir}#${pick.name.replace("trial ", "")}`);
    next.push(`show ${trial}`);
    if (isGood && pick.model !== null) next.push(`export ${trial} --out model.onnx`);
  }
  next.push(longer);
  next.forEach((command, i) => print(`${i === 0 ? "next" : "    "}    ${invocation} ${command}`));
}
