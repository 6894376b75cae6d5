import { onCacheFault } from "../data/cache.ts";
import { inWords, onDamage } from "../data/damage.ts";
import { onStoreWait } from "../store/patience.ts";
import { dieBySignals } from "../util/signals.ts";
import { say, warn } from "./output.ts";

/** Tells the warnings of the whole process: damaged images, a cache that cannot be used, a study that others hold. */
export function tellWarnings(asJson: boolean): void {
  // Commands that draw a bar tell it in their own way; few ever need the module of notices.
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
}
