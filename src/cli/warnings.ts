import type { Warning } from "../device/options.ts";
import { counted } from "./output.ts";

/** Tells one warning of each kind, and later how many more like it there were. */
export interface WarningGroups {
  /** The warning if it is the first of its kind; null where it is only counted. */
  next(warning: Warning): Warning | null;
  /** One warning for each kind that was counted since the last time. */
  rest(): Warning[];
}

export function warningGroups(): WarningGroups {
  const kinds = new Map<string, Warning[]>();
  return {
    next(warning) {
      const { message, subject } = warning;
      const kind = subject === undefined || subject === "" ? message : message.replaceAll(subject, "");
      const others = kinds.get(kind);
      if (others === undefined) {
        kinds.set(kind, []);
        return warning;
      }
      others.push(warning);
      return null;
    },
    rest() {
      const groups = [...kinds.values()].flatMap((others) => {
        const all = others.splice(0);
        const last = all.at(-1);
        return last === undefined ? [] : [{ last, count: all.length }];
      });
      return groups.map(({ last, count }) => ({
        event: "warning",
        message: count === 1 ? last.message : `${counted(count, "more warning")} like this: ${last.message}`,
      }));
    },
  };
}
