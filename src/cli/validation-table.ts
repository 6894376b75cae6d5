import type { ProxyNote } from "../store/facts.ts";
import type { Validation } from "../study/proxy/record.ts";
import { counted, duration, fixed, paint, percent, table, thousands, wrapped } from "./output.ts";

const interval = ({ low, high }: { low: number; high: number }): string => `${fixed(low, 2)} to ${fixed(high, 2)}`;
const points = (share: number): string => (100 * share).toFixed(1);
const epochs = (count: number): string => String(Number(count.toPrecision(3)));
const inEpochs = (count: number): string => `${epochs(count)} ${count === 1 ? "epoch" : "epochs"}`;

/** What a validation found, for people. */
export function validationTable({ proxies, full, networks, recommended, trainings, failed }: Validation): string {
  const rows = table(
    ["epochs", "Kendall", "95 % interval", "possible", "seed noise", "time", "of full"],
    proxies.map((proxy) => [
      epochs(proxy.epochs),
      fixed(proxy.kendall, 2),
      interval(proxy),
      fixed(proxy.possible, 2),
      points(proxy.seedNoise),
      `${proxy.seconds.toFixed(1)} s`,
      `${(100 * proxy.share).toFixed(0)} %`,
    ]),
  );
  const accuracies = table(
    ["madds", ...proxies.map((proxy) => inEpochs(proxy.epochs)), `${epochs(full.epochs)}, full`],
    networks
      .toSorted((a, b) => a.madds - b.madds)
      .map((one) => [
        thousands(one.madds),
        ...[...one.proxy, one.full].map((some) => some.map((value) => percent(value).replace(" %", "")).join(" ")),
      ]),
  );
  const best = proxies.reduce((a, b) => (b.kendall > a.kendall ? b : a));
  return [
    paint("bold", `How well the proxy ranks ${counted(networks.length, "network")}`),
    rows,
    wrapped(
      `Kendall's tau-b between one proxy training and the mean of ${trainings} full ones (${inEpochs(full.epochs)}, ${duration(full.seconds)}), its interval over other networks of the space; possible is what a proxy would reach that differed from full training by the noise of seeds alone. Seed noise is the deviation of accuracy between seeds, in points; time is of one training on one core, its share of full by images passed.`,
    ),
    wrapped(
      `After full training the networks differ by a deviation of ${points(full.deviation)} points, two trainings of one by ${points(full.seedNoise)}${full.deviation < full.seedNoise ? ": there is little to rank, and chance has a large part in every figure" : ""}.`,
    ),
    "",
    paint("bold", "Validation accuracies, %, by seed"),
    accuracies,
    ...(failed.length === 0 ? [] : ["", `${counted(failed.length, "network")} could not be trained and are left out`]),
    "",
    wrapped(
      `recommended: ${inEpochs(recommended)}, the cheapest whose Kendall is within one standard error of the best, ${fixed(best.kendall, 2)} at ${epochs(best.epochs)}`,
    ),
  ].join("\n");
}

/** One line of a search about its proxy. */
export function proxyLine(note: ProxyNote | null, command: string): string {
  if (note === null) return `never validated on these data; \`${command}\` does`;
  const { kendall, networks, seedNoise, recommended, epochs: own } = note;
  const better = recommended === own ? "" : `; recommended: ${inEpochs(recommended)} instead of ${epochs(own)}`;
  return `validated: Kendall ${fixed(kendall, 2)} (${interval(note)}) on ${counted(networks, "network")}, seed noise ${points(seedNoise)} points${better}`;
}
