import { MnasError } from "../errors.ts";
import { describeTask, isSameTask, type Task } from "../space/arch.ts";
import type { Dataset } from "./dataset.ts";

/** The task that a data set sets. */
export const taskOf = ({ train: { height, width, channels }, classes }: Dataset): Task => ({
  height,
  width,
  channels,
  classes: classes.length,
});

/** Refuses data that a network is not for. Throws `DATA_INVALID`. */
export function checkTask(dataset: Dataset, task: Task): void {
  const is = taskOf(dataset);
  if (isSameTask(is, task)) return;
  throw new MnasError(
    "DATA_INVALID",
    `Cannot use data "${dataset.source}": the network is for ${describeTask(task)}, its images are ${describeTask(is)}`,
    { hint: "Name with --data what the network was trained on." },
  );
}
