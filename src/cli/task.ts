import type { Config } from "../config/config.ts";
import { MnasError } from "../errors.ts";
import type { Task } from "../space/arch.ts";
import { taskOf } from "../data/task.ts";
import { loadStudyData } from "../study/run-data.ts";

/** Colour images of so many pixels and ImageNet's classes, when nothing but a size is said; else what the data set. */
export async function taskFor(
  options: { readonly data?: string; readonly size?: number; readonly classes?: number },
  config: Pick<Config, "data" | "size" | "seed">,
): Promise<Task> {
  const { data, size, classes } = options;
  if (data === undefined && size !== undefined)
    return { height: size, width: size, channels: 3, classes: classes ?? 1000 };
  if (classes !== undefined) {
    throw new MnasError("USAGE", "Cannot choose the number of classes: the data say it", {
      hint: "Use --classes with --size, without --data.",
    });
  }
  return taskOf(await loadStudyData(config));
}
