import * as fc from "fast-check";
import { expect, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { costsOf } from "../src/graph/costs.ts";
import { gainText, speedupText } from "../src/report/comparison-text.ts";
import {
  frontSvg,
  reportHtml,
  type Comparison,
  type ReportData,
  type ReportFinal,
  type ReportTrial,
} from "../src/report/report.ts";
import { escapeText, markup } from "../src/report/markup.ts";
import { latencyDomain, linearScale, logScale, shareDomain } from "../src/report/scale.ts";
import { archOf } from "../src/space/arch.ts";
import { formatArch } from "../src/space/notation.ts";
import { mnasnetTinySpace } from "../src/space/presets.ts";
import { sample } from "../src/space/space.ts";
import { createRng } from "../src/util/rng.ts";
import { check, rowsOf, unescaped } from "./report-markup.ts";

const task = { height: 28, width: 28, channels: 1, classes: 10 };
const networks = Array.from({ length: 6 }, (_, i) => {
  const arch = archOf(mnasnetTinySpace, sample(mnasnetTinySpace, createRng("report").fork(i)), task);
  const { params, madds } = costsOf(buildGraph(arch));
  return { notation: formatArch(arch), params, madds };
});

const trialOf = (number: number, facts: Partial<ReportTrial> = {}): ReportTrial => ({
  ...networks[number % networks.length]!,
  number,
  state: "complete",
  accuracy: 0.8 + 0.01 * (number % 7),
  latencyMs: 0.2 + 0.05 * (number % 7),
  accuracyError: 0.012,
  isUnstable: false,
  reward: 0.79 + 0.01 * (number % 7),
  reason: null,
  source: null,
  ...facts,
});

const finalOf = (number: number, name: string, facts: Partial<ReportFinal> = {}): ReportFinal => ({
  ...trialOf(number),
  name,
  isReference: false,
  predictedMs: null,
  testAccuracy: 0.85,
  testDeviation: 0.003,
  testError: 0.008,
  seeds: [0.847, 0.85, 0.853].map((testAccuracy, seed) => ({ seed, testAccuracy })),
  model: `models/${name}.onnx`,
  ...facts,
});

const trials = [
  ...Array.from({ length: 14 }, (_, i) => trialOf(i)),
  trialOf(14, { state: "pruned", accuracy: null, latencyMs: 0.9, reason: "over the gate" }),
  trialOf(15, { state: "failed", accuracy: null, reward: null, reason: "loss is not finite" }),
  trialOf(16, { source: 2 }),
  trialOf(17, { state: "running", accuracy: null, latencyMs: null, reward: null }),
];

const comparison: Comparison = {
  finalist: "finalist 1",
  baseline: "mobilenet-v2 × 0.25",
  accuracy: 0.85,
  trainings: 3,
  gain: 0.02,
  low: 0.011,
  high: 0.029,
  isClear: true,
  imagesError: 0.011,
  time: 0.8,
  speedup: {
    ratio: 1.83,
    bound: "exact",
    low: 1.4,
    high: 2.2,
    hasInterval: true,
    baselines: ["mobilenet-v2 × 0.25", "mobilenet-v2 × 0.5"],
  },
};

const full: ReportData = {
  title: "runs/one",
  created: "2026-11-20T10:11:12.000Z",
  dataset: "fashion-mnist",
  device: "EPYC, 1 thread",
  isProxy: false,
  isPredicted: false,
  space: "mnasnet-tiny",
  searcher: "ppo",
  targetMs: 0.4,
  targetSource: "80 % of a reference",
  gateMs: 0.6,
  trials,
  front: [0, 1, 2, 3, 4, 5, 6],
  finals: [
    finalOf(5, "finalist 1"),
    finalOf(6, "finalist 2"),
    finalOf(40, "mobilenet-v2 × 0.25", { isReference: true }),
  ],
  comparisons: [comparison],
  proxy: null,
  config: { trials: 18, seed: 3 },
  environment: { node: "v24" },
};

const failed = trials.map(({ number }) =>
  trialOf(number, { state: "failed", accuracy: null, latencyMs: null, reward: null }),
);
const cases: Record<string, ReportData> = {
  full,
  proxy: { ...full, isProxy: true },
  "no trials": { ...full, trials: [], front: [], finals: [] },
  "no finalists": { ...full, finals: [] },
  "all failed": { ...full, trials: failed, front: [], finals: [] },
  "all over the gate": {
    ...full,
    trials: failed.map((one) => ({ ...one, state: "pruned", latencyMs: 9 })),
    front: [],
    finals: [],
  },
  "finals that failed": {
    ...full,
    finals: full.finals.map((one) => ({
      ...one,
      state: "failed",
      testAccuracy: null,
      testDeviation: null,
      testError: null,
      seeds: [],
      latencyMs: null,
      model: null,
      reason: "disk",
    })),
  },
  "one trial": { ...full, trials: [trialOf(0)], front: [0], finals: [] },
};

test.each(Object.entries(cases))("a report of %s is well formed and refers to nothing outside", (_, data) => {
  const html = reportHtml(data);
  const tags = check(html);
  expect(html).not.toMatch(/https?:|url\(|@import|\bsrc=/);
  expect(tags.map(({ name }) => name)).not.toContain("script");
  expect(
    tags.find(({ attributes }) => attributes["http-equiv"] === "Content-Security-Policy")?.attributes["content"],
  ).toMatch(/^default-src &#39;none&#39;|^default-src 'none'/);
  for (const { attributes } of tags) expect(attributes["href"] ?? "./").toMatch(/^(\.\/|data:,)/);
  const svg = frontSvg(data);
  check(svg);
  expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/https?:|url\(|@import|href/);
});

test("a report has a row for every trial and every final network, in their order", () => {
  const html = reportHtml(full);
  const all = rowsOf(html, "All trials");
  expect(all.map(([number]) => Number(number))).toEqual(trials.map(({ number }) => number));
  expect(all.map((cells) => cells.at(-1))).toEqual(trials.map(({ notation }) => notation));
  expect(all.slice(13).map(([, outcome]) => outcome)).toEqual([
    "trained",
    "over the gate",
    "failed, loss is not finite",
    "as trial 2, trained",
    "running",
  ]);
  expect(rowsOf(html, "Pareto front").map(([number]) => Number(number))).toEqual(full.front);
  // Fastest first.
  expect(rowsOf(html, "Finalists and reference networks").map(([name, , , tested]) => [name, tested])).toEqual([
    ["finalist 1", "85.00 ± 0.80 %"],
    ["mobilenet-v2 × 0.25", "85.00 ± 0.80 %"],
    ["finalist 2", "85.00 ± 0.80 %"],
  ]);
  // Three trainings each.
  expect(html.split("<title>one training: ")).toHaveLength(1 + 9);
  for (const name of ["finalist%201.onnx", "mobilenet-v2%20%C3%97%200.25.onnx"])
    expect(html).toContain(`href="./models/${name}"`);
});

test("every trained trial has a point in the plot, every other one with a latency its own mark", () => {
  const svg = frontSvg(full);
  const titles = [...svg.matchAll(/<(circle|path)[^>]*><title>Trial (\d+)/g)].map(([, shape, number]) => [
    Number(number),
    shape,
  ]);
  const expected = trials
    .filter(({ number }) => number < 16)
    .map(({ number, state }) => [number, state === "complete" ? "circle" : "path"]);
  expect(titles.toSorted(([a], [b]) => Number(a) - Number(b))).toEqual(expected);
});

test("finalists and references stand in the plot too, with the shape that the legend gives them", () => {
  const svg = frontSvg(full);
  const marks = [...svg.matchAll(/<path class="(finalist|reference)"[^>]*><title>([^<]*), trained long/g)];
  expect(marks.map(([, style, name]) => [name, style])).toEqual([
    ["finalist 1", "finalist"],
    ["finalist 2", "finalist"],
    ["mobilenet-v2 × 0.25", "reference"],
  ]);
  expect(svg).toContain("reference network, trained long");
  expect(frontSvg(cases["no finalists"]!)).not.toContain("trained long");
  expect(frontSvg(cases["finals that failed"]!)).not.toContain("trained long");
});

test("a report says how well the proxy ranks, or that nobody knows", () => {
  expect(reportHtml(full)).toContain("was never validated; mnas validate-proxy does that");
  const proxy = { kendall: 0.72, low: 0.5, high: 0.9, networks: 12, seedNoise: 0.008, epochs: 2, recommended: 4 };
  const html = reportHtml({ ...full, proxy });
  expect(unescaped(html)).toContain(
    "full training 0.72 (95 % interval 0.50 to 0.90), deviation between seeds 0.8 points.",
  );
  expect(html).toContain("Recommended are 4 epochs instead of 2.");
});

test("a report shows validation accuracies with their standard errors", () => {
  expect(reportHtml(full)).toContain("80.00 ± 1.20 %");
  expect(reportHtml({ ...full, trials: [trialOf(0, { accuracyError: null })] })).toContain('">80.00 %<');
});

test("what is said of a comparison is what trainings allow, and a bound is called one", () => {
  expect(gainText(comparison)).toContain("2.00 points above mobilenet-v2 × 0.25, and 20 % faster; more than trainings");
  expect(gainText({ ...comparison, gain: -0.004, low: -0.01, high: 0.002, isClear: false })).toContain(
    "0.40 points below mobilenet-v2 × 0.25, and 20 % faster; not more than trainings differ (95 % interval of the difference -1.00 to 0.20",
  );
  expect(gainText({ ...comparison, trainings: 1, low: null, high: null, isClear: null })).toContain(
    "one training each",
  );
  const text = (facts: Partial<Comparison["speedup"]>): string =>
    speedupText({ ...comparison, speedup: { ...comparison.speedup, ...facts } }, "proxy latency");
  expect(text({})).toContain(
    "1.83 times its proxy latency (95 % interval from the differences between trainings: 1.40 to",
  );
  expect(text({ bound: "atLeast", high: null })).toMatch(
    /at least 1\.40 times .*from 1\.40 up.*× 0\.5, is still less acc/,
  );
  expect(text({ bound: "atMost", low: null })).toMatch(/at most 2\.20 times .*up to 2\.20.*× 0\.25, is already more/);
  for (const bound of ["exact", "atLeast", "atMost"] as const)
    expect(text({ bound, low: null, high: null })).toMatch(/it is open how many times its proxy latency/);
  expect(text({ bound: "atLeast", low: null, high: null })).not.toMatch(/at least|bound/);
  expect(text({ low: null, high: null, hasInterval: false })).toContain("one training each gives no interval");
  expect(reportHtml(full)).toContain("interpolated between the widths");
  expect(reportHtml({ ...full, isProxy: true })).toContain("its proxy latency");
});

test("a report says where it ends early, and calls a proxy one", () => {
  expect(reportHtml(full)).toContain("This search is not finished: 17 of 18 trials so far.");
  expect(reportHtml(cases["no trials"]!)).toContain("No trained network yet.");
  expect(reportHtml(full)).not.toContain("roxy latency");
  const html = reportHtml(cases["proxy"]!);
  expect(html).toContain("target 0.400 ms (proxy)");
  expect(html).toContain("not measured");
});

/** Text of a user in every place that has one. */
const withText = (text: string): ReportData => ({
  ...full,
  title: text,
  created: text,
  dataset: text,
  device: text,
  space: text,
  searcher: text,
  targetSource: text,
  trials: trials.map((trial) => ({ ...trial, notation: text, reason: text })),
  finals: full.finals.map((final) => ({ ...final, name: text, notation: text, model: text })),
  config: { [text]: text },
  environment: text,
});

test("a latency that may be too high because the device was not stable is marked, and explained", () => {
  const html = reportHtml({ ...full, trials: trials.map((trial) => ({ ...trial, isUnstable: trial.number === 3 })) });
  expect(html).toContain("ms (unstable)");
  expect(html).toContain("not steady during 1 measurement:");
  expect(reportHtml(full)).not.toContain("unstable");
});

test("text of a user stays text, whatever it is", () => {
  const shape = (document: string): string[] => check(document).map(({ name, parents }) => [...parents, name].join());
  const [html, svg] = [shape(reportHtml(withText("x"))), shape(frontSvg(withText("x")))];
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "<script>alert(1)</script>",
      '" onload="x',
      "' x='",
      "</style></title><b>",
      "--><!--",
      "]]>",
      "&lt;b&gt;",
      "javascript:x",
      "\0\uD800",
    ),
  );
  fc.assert(
    fc.property(
      text.filter((value) => !/NaN|Infinity|undefined|\[object/.test(value)),
      (value) => {
        expect(shape(reportHtml(withText(value)))).toEqual(html);
        expect(shape(frontSvg(withText(value)))).toEqual(svg);
      },
    ),
    { numRuns: 30 },
  );
  expect(unescaped(reportHtml(withText('<a href="x">&amp;')))).toContain('<h1><a href="x">&amp;</h1>');
  expect(reportHtml(withText("javascript:x"))).not.toMatch(/href="javascript/);
});

test("escapeText() can be undone, and ends neither an element nor a quoted attribute", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(unescaped(escapeText(text))).toBe(text);
      expect(escapeText(text)).not.toMatch(/[<>"']/);
      expect(markup`<a title="${text}">`.markup).toBe(`<a title="${escapeText(text)}">`);
    }),
  );
});

const share = fc.double({ min: 0, max: 1, noNaN: true });
const milliseconds = fc.double({ min: -3, max: 4, noNaN: true }).map((power) => 10 ** power);
const anyTrial = fc.record({
  state: fc.constantFrom("waiting", "running", "complete", "stopped", "pruned", "failed"),
  accuracy: fc.option(share),
  latencyMs: fc.option(milliseconds),
  reward: fc.option(fc.double({ min: -2, max: 2, noNaN: true })),
});
const anyFinal = fc.record({
  facts: anyTrial,
  isReference: fc.boolean(),
  predictedMs: fc.option(fc.double({ min: 0.001, max: 1e3, noNaN: true })),
  testAccuracy: fc.option(share),
  testError: fc.option(fc.double({ min: 0, max: 0.2, noNaN: true })),
  testDeviation: fc.option(fc.double({ min: 0, max: 0.2, noNaN: true })),
  seeds: fc.array(fc.record({ seed: fc.nat(9), testAccuracy: fc.option(share) }), { maxLength: 4 }),
});

test("axes hold their values, and their ticks lie on them in order", () => {
  const values = fc.array(milliseconds, { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(values, fc.boolean(), (some, isLog) => {
      const [low, high] = latencyDomain(some, isLog);
      expect(low).toBeLessThanOrEqual(Math.min(...some));
      expect(high).toBeGreaterThan(Math.max(...some));
      const { ticks, at, decimals } = (isLog ? logScale : linearScale)([low, high], [60, 620]);
      const places = ticks.map(at);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      for (const place of places) expect(place > 59.99 && place < 620.01).toBe(true);
      if (!isLog) expect(new Set(ticks.map((tick) => tick.toFixed(decimals))).size).toBe(ticks.length);
      expect(isLog || ticks.length >= 2).toBe(true);
    }),
  );
  // One value alone: an axis around it would be of its noise.
  expect(latencyDomain([0.4, 0.4], false)[0]).toBe(0);
  expect(shareDomain([0, 1])).toEqual([0, 1]);
});

test("a report of any results is well formed, with every mark inside its drawing", () => {
  fc.assert(
    fc.property(
      fc.array(anyTrial, { maxLength: 30 }),
      fc.array(anyFinal, { maxLength: 5 }),
      milliseconds,
      (some, finals, targetMs) => {
        const all = some.map((facts, i) => trialOf(i, facts));
        const data: ReportData = {
          ...full,
          targetMs,
          gateMs: 1.5 * targetMs,
          trials: all,
          front: all
            .filter(({ state, accuracy }) => state === "complete" && accuracy !== null)
            .map(({ number }) => number),
          finals: finals.map(({ facts, ...rest }, i) => finalOf(i, `final ${i}`, { ...facts, ...rest })),
        };
        check(reportHtml(data));
        check(frontSvg(data));
      },
    ),
    { numRuns: 60 },
  );
});
