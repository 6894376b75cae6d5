/* Entry of the page: joins the search that served it, and measures what it sends. */
import { connect, type Link } from "./connection.ts";
import { describe } from "./describe.ts";
import { slugOf } from "./identify.ts";
import { createJobs, type Done } from "./jobs.ts";
import { currentPass, keptName, session, takeToken, token } from "./pass.ts";
import { timerGrain } from "./timing.ts";
import { listenTo, show } from "./view.ts";
import { keepAwake, type Awake } from "./wake-lock.ts";

/** Rows of the table. */
const mostResults = 12;

async function join(): Promise<void> {
  takeToken();
  const who = await describe(timerGrain());
  let link: Link = { kind: "connecting" };
  let awake: Awake = "lock";
  let name = keptName.get() ?? who.name;
  let done = 0;
  let results: readonly Done[] = [];

  const rename = (to: string): void => {
    name = to;
    keptName.set(to);
  };
  const update = (): void =>
    show({ link, job: jobs.current, isHidden: document.hidden, done, results, who, name, awake });
  const jobs = createJobs({
    send: (message) => connection.send(message),
    onDone: (last) => {
      done += 1;
      results = [last, ...results].slice(0, mostResults);
      update();
    },
  });
  const connection = connect({
    who: { device: who.device, os: who.os, userAgent: navigator.userAgent.slice(0, 1000), runtimes: who.runtimes },
    name: () => name,
    pass: currentPass,
    onLink: (now) => {
      link = now;
      if (link.kind !== "joined") jobs.drop();
      if (link.kind === "joined" && document.hidden) pause();
      update();
    },
    onWelcome: (known, secret) => {
      token.set(null);
      session.set(secret);
      rename(known);
    },
    onRefused: () => token.set(null),
    onJob: (job, model) => {
      jobs.begin(job, model);
      update();
    },
    onCancel: (id) => {
      jobs.cancel(id);
      update();
    },
  });

  /** A page that is not seen gets less of the processor, or nothing. */
  const pause = (): void => {
    jobs.pause();
    connection.send({ kind: "paused", reason: "the page is hidden" });
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) pause();
    else {
      connection.send({ kind: "resumed" });
      jobs.resume();
      connection.wake();
    }
    update();
  });
  addEventListener("online", () => connection.wake());
  addEventListener("pageshow", () => connection.wake());
  listenTo({
    onAgain: () => connection.dial(),
    onName: (wish) => {
      const slug = slugOf(wish);
      if (slug !== "" && slug !== name && jobs.current === null) {
        rename(slug);
        connection.dial();
      }
      update();
    },
  });
  // The seconds until the next attempt.
  setInterval(() => {
    if (link.kind === "lost") update();
  }, 500);
  void keepAwake((now) => {
    awake = now;
    update();
  });
}

void join();
