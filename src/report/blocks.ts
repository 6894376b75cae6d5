import { buildGraph } from "../arch/build.ts";
import { costsOf } from "../graph/costs.ts";
import type { Graph } from "../graph/graph.ts";
import { MnasError } from "../errors.ts";
import { expansionOf, type Arch, type BlockSpec } from "../space/arch.ts";
import { parseArch } from "../space/notation.ts";
import { markup, type Markup } from "./markup.ts";
import { compact } from "./text.ts";

/** One box of a drawn network. */
interface Box {
  /** Decides the colour. */
  readonly kind: "frame" | "conv" | "sepconv" | "narrow" | "wide";
  readonly name: string;
  /** Squeeze-and-excite, skips and unusual activations. */
  readonly extras: readonly string[];
  /** `24 filters × 3` */
  readonly size: string;
  /** `14×14×24` */
  readonly output: string;
  /** Share of the network's multiply-adds, 0..1; null for what computes nothing. */
  readonly share: number | null;
}

const names: Readonly<Record<string, string>> = { conv: "Conv", sepconv: "SepConv" };

const kindOf = (op: BlockSpec["op"]): Box["kind"] =>
  op === "conv" || op === "sepconv" ? op : expansionOf(op) < 5 ? "narrow" : "wide";

/** What a block has besides its convolutions, as built: an identity skip only where shapes let one be. */
function extrasOf(
  { seRatio, skip, activation = "relu", activateProjection }: BlockSpec,
  skips: number,
  layers: number,
): string[] {
  const kind = skip === "pool" ? "pool skip" : "skip";
  return [
    ...(seRatio > 0 ? [`SE ${seRatio}`] : []),
    ...(skips === 0 ? [] : [skips === layers ? kind : `${kind} in ${skips} of ${layers}`]),
    ...(activation === "relu" ? [] : [activation]),
    ...(activateProjection === true ? ["active projection"] : []),
  ];
}

const outputOf = (graph: Graph, prefix: string): string =>
  graph.nodes.findLast(({ name }) => name === prefix || name.startsWith(`${prefix}.`))?.shape.join("×") ?? "";

/** The boxes of a network, from image to logits. */
function boxesOf(arch: Arch): Box[] {
  const { task, stem, blocks, head } = arch;
  const graph = buildGraph(arch);
  const { layers, madds } = costsOf(graph);
  const shareOf = (prefix: string): number =>
    layers.reduce(
      (sum, layer) => sum + (layer.name === prefix || layer.name.startsWith(`${prefix}.`) ? layer.madds : 0),
      0,
    ) / madds;
  const computed = (prefix: string): Pick<Box, "output" | "share"> => ({
    output: outputOf(graph, prefix),
    share: shareOf(prefix),
  });
  const frame = { kind: "frame", extras: [] } as const;
  const activation = (name: string | undefined): string[] => (name === undefined || name === "relu" ? [] : [name]);

  return [
    { ...frame, name: "Image", size: "", output: [task.height, task.width, task.channels].join("×"), share: null },
    {
      ...frame,
      name: `Stem ${stem.kernel}×${stem.kernel}`,
      extras: activation(stem.activation),
      size: `${stem.filters} filters`,
      ...computed("stem"),
    },
    ...blocks.map((block, b): Box => {
      const { op, kernel, filters, layers: repeats } = block;
      const skips = graph.nodes.filter(
        ({ op: nodeOp, name }) => nodeOp === "Add" && name.startsWith(`blocks.${b}.`),
      ).length;
      return {
        kind: kindOf(op),
        name: `${names[op] ?? `MBConv${expansionOf(op)}`} ${kernel}×${kernel}`,
        extras: extrasOf(block, skips, repeats),
        size: `${filters} filters × ${repeats}`,
        ...computed(`blocks.${b}`),
      };
    }),
    ...(head.filters === 0
      ? []
      : [
          {
            ...frame,
            name: "Head 1×1",
            extras: activation(head.activation),
            size: `${head.filters} filters`,
            ...computed("head"),
          },
        ]),
    { ...frame, name: "Classifier", size: "mean, dense", output: `${task.classes} classes`, share: shareOf("logits") },
  ];
}

const box = ({ kind, name, extras, size, output, share }: Box): Markup => markup`<li class="box ${kind}">
<b>${name}</b>
<span class="size">${size}</span>
<span class="extras">${extras.map((extra) => markup`<i>${extra}</i> `)}</span>
<span class="output">${output}</span>
<span class="share"${share === null ? null : markup` title="share of the network's multiply-adds"`}>${
  share === null ? null : markup`<span style="width:${100 * share}%"></span><em>${(100 * share).toFixed(0)} %</em>`
}</span>
</li>
`;

/** A network drawn as a row of boxes; a notation that cannot be built is shown as it is. */
export function networkDrawing(notation: string): Markup {
  try {
    return markup`<ol class="network">${boxesOf(parseArch(notation)).map(box)}</ol>`;
  } catch (error) {
    if (!(error instanceof MnasError)) throw error;
    return markup`<p class="muted">This network cannot be drawn: ${error.message}.</p>`;
  }
}

/** The notation of a network, to copy, with what it costs. */
export const networkText = ({ notation, params, madds }: { notation: string; params: number; madds: number }): Markup =>
  markup`<p class="notation"><code>${notation}</code><br><span class="muted">${compact(params)} parameters, ${compact(madds)} multiply-adds</span></p>`;
