import type { SearchEvent } from "../study/events.ts";
import { gainText, speedupText } from "../report/comparison-text.ts";
import { shellWord } from "../util/shell.ts";
import { counted, invocation, ms, paint, print, wrapped } from "./output.ts";
import { finalsTable, frontTable, meets, originNote, untrainedText } from "./tables.ts";

type Done = Extract<SearchEvent, { event: "done" }>;

/** What a finished search leaves the user with; `longer` is the command that goes on with it. */
export function summary(done: Done, longer: string): void {
  const { dir, targetMs, origin, front, fastest, finals, comparisons, report } = done;
  print();
  print(paint("bold", `Pareto front (target ${ms(targetMs)})`));
  print(
    front.length === 0
      ? untrainedText("no network was trained: every one was over the gate or failed", fastest)
      : frontTable(front, targetMs),
  );
  if (finals.length > 0) {
    print();
    const isCompared = finals.some(({ isReference }) => isReference);
    const title = isCompared ? "Finalists against MobileNetV2, all trained by the same recipe" : "Finalists";
    print(paint("bold", title));
    print(finalsTable(finals));
    const trainings = Math.max(...finals.map(({ seeds }) => seeds.length));
    print(
      wrapped(
        trainings === 1
          ? "± is one standard error, of the test images alone; how much trainings differ is not known from one"
          : `means of ${trainings} trainings; deviation is that between them, ± one standard error, of trainings and images`,
      ),
    );
    for (const comparison of comparisons) {
      print();
      print(wrapped(gainText(comparison)));
      print(wrapped(speedupText(comparison, `latency${originNote(origin)}`)));
    }
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
    if (pick.seeds.length > 1)
      print(`        of ${counted(pick.seeds.length, "training")} the one with the best validation accuracy`);
  }
  print();
  const run = shellWord(dir);
  const next = [`trials ${run}`];
  if (pick !== undefined) {
    const trial = shellWord(`${dir}#${pick.name.replace("trial ", "")}`);
    next.push(`show ${trial}`);
    if (isGood && pick.model !== null) next.push(`export ${trial} --out model.onnx`);
  } else if (front.length === 0 && fastest !== null) {
    next.push(`train ${shellWord(`${dir}#${fastest.number}`)} --out fastest.safetensors`);
  }
  next.push(longer);
  next.forEach((command, i) => print(`${i === 0 ? "next" : "    "}    ${invocation} ${command}`));
}
