import { pageColours, plotStyle } from "./theme.ts";

/** Style of the whole page. Nothing in it is fetched from anywhere. */
export const pageStyle = `${pageColours}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1152px; padding: 28px 24px 64px; background: var(--page); color: var(--text);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
h1 { font-size: 22px; line-height: 1.25; margin: 0 0 4px; letter-spacing: -0.01em }
h2 { font-size: 16px; margin: 36px 0 8px }
h3 { font-size: 14px; margin: 20px 0 6px }
p { margin: 6px 0 }
a { color: var(--link) }
code, pre { font: 12px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace }
.muted, figcaption, .lede { color: var(--muted) }
.banner { border-left: 3px solid var(--accent); background: var(--panel); padding: 8px 12px; margin: 14px 0 }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 12px 28px; margin: 18px 0 20px;
  padding: 14px 0; border: solid var(--line); border-width: 1px 0 }
.facts dt { color: var(--muted); font-size: 12px }
.facts dd { margin: 0 }
.findings { padding-left: 18px; margin: 8px 0 }
.findings li { margin: 3px 0 }
.plots { display: grid; grid-template-columns: minmax(0, 640fr) minmax(0, 440fr); gap: 8px 36px; align-items: start; margin-top: 28px }
.side { display: grid; gap: 20px }
figure { margin: 0; min-width: 0 }
figure h2 { margin: 0 0 6px }
figure svg.chart { display: block; width: 100%; height: auto }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; color: var(--muted); font-size: 12px; margin: 4px 0 8px }
.legend span { white-space: nowrap }
.key { vertical-align: -2px }
.scales { font-size: 12px; color: var(--muted) }
.scales label { margin-right: 12px; cursor: pointer }
.scales:has(#x-log:checked) ~ .linear, .scales:has(#x-linear:checked) ~ .log { display: none }
.scroll { overflow-x: auto; margin: 8px 0; border: 1px solid var(--line); border-radius: 6px }
table { border-collapse: collapse; width: 100%; font-size: 13px }
th, td { padding: 5px 12px; text-align: left; white-space: nowrap; border-top: 1px solid var(--line) }
th { border-top: 0; font-weight: 500; font-size: 12px; color: var(--muted); background: var(--panel) }
td code { color: var(--muted); font-size: 11px }
.number { text-align: right }
.best td { font-weight: 600 }
.best td code { font-weight: 400 }
details { margin: 12px 0 }
summary { cursor: pointer; font-weight: 600 }
pre { background: var(--panel); padding: 12px; border-radius: 6px; overflow-x: auto; white-space: pre; overflow-wrap: normal }
.network { list-style: none; display: flex; flex-wrap: wrap; gap: 8px 0; margin: 8px 0; padding: 0 }
.box { position: relative; flex: 1 0 104px; max-width: 150px; margin-right: 12px; padding: 6px 8px; background: var(--panel);
  border-top: 4px solid var(--kind); border-radius: 3px; display: grid; grid-template-rows: auto auto minmax(20px, 1fr) auto auto;
  font-size: 11.5px; line-height: 1.45 }
.box:not(:last-child)::after { content: "›"; position: absolute; right: -10px; top: 50%; translate: 0 -60%; color: var(--muted); font-size: 15px }
.box b { font-size: 12.5px; white-space: nowrap }
.box .size, .box .output { color: var(--muted); white-space: nowrap }
.box i { font-style: normal; font-size: 10.5px; border: 1px solid var(--kind); border-radius: 3px; padding: 0 4px; display: inline-block; margin: 1px 0 }
.share { display: flex; align-items: center; gap: 5px; height: 14px; margin-top: 2px }
.share span { height: 4px; min-width: 1px; background: var(--kind) }
.share em { font-style: normal; font-size: 10.5px; color: var(--muted); white-space: nowrap }
${["frame", "conv", "sepconv", "narrow", "wide"].map((kind) => `.${kind} { --kind: var(--${kind}) }`).join("\n")}
.notation { margin: 4px 0 0 }
footer { margin-top: 40px; color: var(--muted); font-size: 12px }
@media (max-width: 860px) { .plots { grid-template-columns: minmax(0, 1fr); gap: 28px } }
@media (max-width: 560px) {
  body { padding: 18px 16px 48px }
  .wide-chart.plot { font-size: 17px }
  .wide-chart .number { display: none }
  .box { flex-basis: 128px }
}
${plotStyle}`;
