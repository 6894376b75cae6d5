import type { Job } from "../src/device/remote/messages.ts";
import type { Link } from "./connection.ts";
import type { Description } from "./describe.ts";
import type { Done } from "./jobs.ts";
import type { Awake } from "./wake-lock.ts";

/** All that the page shows. */
export interface Shown {
  readonly link: Link;
  readonly job: Job | null;
  readonly isHidden: boolean;
  readonly done: number;
  /** The last ones, newest first. */
  readonly results: readonly Done[];
  readonly who: Description;
  /** As it is known to the search, or would like to be. */
  readonly name: string;
  readonly awake: Awake;
}

/** The only element of a selector. */
function find(selector: string): HTMLElement {
  const found = document.querySelector<HTMLElement>(selector);
  if (found === null) throw new Error(`internal: no element "${selector}"`);
  return found;
}

const nameInput = (): HTMLInputElement => find("#name") as HTMLInputElement;

function element(tag: string, text: string, className = ""): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

/** Three digits are more than a browser knows. */
const msText = (ms: number): string => `${ms < 0.1 ? ms.toFixed(3) : Number(ms.toPrecision(3))} ms`;

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

interface State {
  readonly style: "connecting" | "waiting" | "measuring" | "paused" | "lost" | "refused";
  readonly title: string;
  readonly text: string;
  /** What a button says that dials again. */
  readonly button?: string;
}

const runtimeText = (who: Description, id: string): string => {
  const offer = who.runtimes.find((each) => each.id === id);
  return offer === undefined ? id : `${offer.runtime}, ${offer.provider}`;
};

/** The state in words. */
function stateOf({ link, job, isHidden, done, who }: Shown): State {
  const tally = done === 0 ? "" : `${plural(done, "network")} done.`;
  switch (link.kind) {
    case "connecting":
      return { style: "connecting", title: "Connecting…", text: "" };
    case "refused":
      return { style: "refused", title: "Not joined", text: link.reason, button: "Try again" };
    case "replaced":
      return {
        style: "refused",
        title: "Joined elsewhere",
        text: "This device joined again from another tab, which goes on.",
        button: "Measure in this tab",
      };
    case "lost": {
      const seconds = Math.max(1, Math.ceil((link.retryAt - Date.now()) / 1000));
      const text = `${link.reason} Trying again in ${seconds} s. ${tally}`;
      return { style: "lost", title: "Not connected", text, button: "Try now" };
    }
    case "joined": {
      if (isHidden)
        return { style: "paused", title: "Paused", text: "The page is hidden. Measuring goes on when it is seen." };
      if (job === null) {
        return { style: "waiting", title: `Joined as ${link.name}`, text: `Waiting for networks to measure. ${tally}` };
      }
      const text = `In ${runtimeText(who, job.runtime)}. Leave the page open, and the device alone. ${tally}`;
      return { style: "measuring", title: "Measuring", text };
    }
  }
}

const notices: Readonly<Record<Awake, string | null>> = {
  lock: null,
  video:
    "Over plain http, only a tiny video keeps the screen on. If it goes dark all the same, set the screen time-out to its longest.",
  none: "This page cannot keep the screen on, and measuring stops when it goes dark: set the screen time-out to its longest.",
};

function row(who: Description, { job, outcome }: Done): HTMLElement {
  const made = document.createElement("tr");
  const network = document.createElement("td");
  const how = runtimeText(who, job.runtime);
  network.append(element("span", job.name, "network"));
  if (outcome.kind === "measured") {
    const evenness = outcome.isUnstable ? ", uneven: something else was running" : "";
    network.append(element("small", `${how}, ${plural(outcome.runs, "run")}${evenness}`));
    made.append(network, element("td", msText(outcome.medianMs), "number"));
  } else {
    network.append(element("small", `${how}: ${outcome.message}`));
    made.append(network, element("td", "failed", "number failed"));
  }
  network.title = job.name;
  return made;
}

/** Puts on the page what is to be seen. */
export function show(shown: Shown): void {
  const { style, title, text, button } = stateOf(shown);
  find("#state").className = `state ${style}`;
  find("#state h2").textContent = title;
  find("#state .network").textContent = shown.link.kind === "joined" ? (shown.job?.name ?? "") : "";
  find("#state .words").textContent = text;
  const again = find("#state button");
  again.hidden = button === undefined;
  again.textContent = button ?? "";

  const notice = notices[shown.awake];
  find("#notices").replaceChildren(...(notice === null ? [] : [element("li", notice)]));

  find("#none").hidden = shown.results.length > 0;
  find("#results").hidden = shown.results.length === 0;
  find("#results tbody").replaceChildren(...shown.results.map((each) => row(shown.who, each)));

  const input = nameInput();
  if (document.activeElement !== input) input.value = shown.name;
  input.disabled = shown.job !== null;
  find("#as").textContent = `--device page:${shown.name}`;
  find("#facts").replaceChildren(
    ...shown.who.facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]),
  );
}

/** Calls back when the user does something. */
export function listenTo({ onAgain, onName }: { onAgain: () => void; onName: (name: string) => void }): void {
  find("#state button").addEventListener("click", onAgain);
  const input = nameInput();
  find("#rename").addEventListener("submit", (event) => {
    event.preventDefault();
    input.blur();
  });
  input.addEventListener("change", () => onName(input.value));
}
