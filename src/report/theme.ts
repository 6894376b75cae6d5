/** Colours of the report on one background. */
interface Palette {
  readonly page: string;
  readonly panel: string;
  readonly text: string;
  readonly muted: string;
  readonly grid: string;
  readonly axis: string;
  readonly link: string;
  /** The front, the best, the finalists. */
  readonly accent: string;
  /** Networks that are compared with. */
  readonly reference: string;
  /** From the first trials to the last; the last stand out most. */
  readonly progress: readonly string[];
  /** Kinds of blocks. */
  readonly blocks: Readonly<Record<"frame" | "conv" | "sepconv" | "narrow" | "wide", string>>;
}

const light: Palette = {
  page: "#ffffff",
  panel: "#f7f7f5",
  text: "#1c1c1a",
  muted: "#66655f",
  grid: "#e7e6e2",
  axis: "#a5a49d",
  link: "#1c5cab",
  accent: "#c8501a",
  reference: "#6b4fa8",
  progress: ["#a3c8f4", "#86b6ef", "#629ee8", "#3d88df", "#256abf", "#184f95", "#0d366b"],
  blocks: { frame: "#8f8e87", conv: "#b0447a", sepconv: "#2b8a72", narrow: "#4a90d9", wide: "#1c5cab" },
};

const dark: Palette = {
  page: "#171716",
  panel: "#20201f",
  text: "#efeeea",
  muted: "#a5a49d",
  grid: "#30302e",
  axis: "#66655f",
  link: "#86b6ef",
  accent: "#f08a4b",
  reference: "#b7a3e6",
  progress: ["#1f4a80", "#25609f", "#2f76c3", "#4a90e0", "#76aeee", "#a3c8f4", "#d6e8fd"],
  blocks: { frame: "#8f8e87", conv: "#dd7fac", sepconv: "#5cbfa5", narrow: "#6fb0f2", wide: "#3f86da" },
};

/** Number of steps of the progress colours. */
export const progressSteps = light.progress.length;

/** Written out rather than by variables, which viewers of SVG files outside browsers do not know. */
const plotColours = (p: Palette): string => `
.plot text { fill: ${p.muted} }
.plot .strong { fill: ${p.text} }
.plot .background { fill: ${p.page} }
.plot .halo { stroke: ${p.page} }
.plot .grid { stroke: ${p.grid} }
.plot .axis, .plot .gate { stroke: ${p.axis} }
.plot .target { stroke: ${p.text} }
.plot .beyond { fill: ${p.muted} }
.plot .front { stroke: ${p.accent} }
.plot .ring, .plot .finalist { stroke: ${p.accent} }
.plot .ring { fill: ${p.page} }
.plot .finalist { fill: ${p.accent} }
.plot .reference { stroke: ${p.reference}; fill: ${p.page} }
.plot .untrained { stroke: ${p.muted} }
.plot .training { fill: ${p.muted} }
.plot .bar { fill: ${p.axis} }
${p.progress.map((colour, i) => `.plot .p${i} { fill: ${colour}; stroke: ${p.page} }`).join("\n")}`;

const darkly = (rules: string): string => `@media (prefers-color-scheme: dark) {${rules}\n}`;

/** Style of the plots, in the page as in a file of their own. */
export const plotStyle = `
.plot { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums }
.plot .strong { font-weight: 600 }
.plot .title { font-size: 16px }
.plot .number { font-size: 11px }
.plot .halo { paint-order: stroke; stroke-width: 4; stroke-linejoin: round }
.plot .grid, .plot .axis { stroke-width: 1 }
.plot .target { stroke-width: 1.25; stroke-dasharray: 5 3 }
.plot .gate { stroke-width: 1.25; stroke-dasharray: 1.5 3 }
.plot .beyond { opacity: 0.07 }
.plot .front { fill: none; stroke-width: 2; stroke-linejoin: round }
.plot .ring, .plot .reference, .plot .finalist { stroke-width: 2 }
.plot .untrained { fill: none; stroke-width: 1.5 }
.plot .point { stroke-width: 0.75 }
${plotColours(light)}
${darkly(plotColours(dark))}
`;

const variables = (p: Palette): string => `
:root {
  --page: ${p.page}; --panel: ${p.panel}; --text: ${p.text}; --muted: ${p.muted}; --line: ${p.grid}; --link: ${p.link};
  --accent: ${p.accent}; --reference: ${p.reference};
${Object.entries(p.blocks)
  .map(([kind, colour]) => `  --${kind}: ${colour};`)
  .join("\n")}
}`;

/** Colours of the page as custom properties. */
export const pageColours = `:root { color-scheme: light dark }${variables(light)}\n${darkly(variables(dark))}`;
