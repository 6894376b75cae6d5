import { byReward, frontOf, type ReportData, type ReportFinal, type ReportTrial } from "./data.ts";
import { byLatency } from "./final-plot.ts";
import { mark } from "./marks.ts";
import { markup, type Markup, type Piece } from "./markup.ts";
import { compact, dash, latencyName, ms, percentWithError, reward } from "./text.ts";

/** A column: its header, and its cell for a row. Numbers are aligned right. */
interface Column<Row> {
  readonly header: string;
  readonly isNumber?: boolean;
  readonly cell: (row: Row) => Piece;
}

/** A table that scrolls inside the page where it is too wide for it. `isMarked` rows stand out. */
function table<Row>(
  label: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  isMarked: (row: Row) => boolean,
): Markup {
  const align = ({ isNumber = false }: Column<Row>): Markup | null => (isNumber ? markup` class="number"` : null);
  const cells = (row: Row): Markup[] => columns.map((column) => markup`<td${align(column)}>${column.cell(row)}</td>`);
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table>
<thead><tr>${columns.map((column) => markup`<th scope="col"${align(column)}>${column.header}</th>`)}</tr></thead>
<tbody>
${rows.map(
  (row) => markup`<tr${isMarked(row) ? markup` class="best"` : null}>${cells(row)}</tr>
`,
)}</tbody></table></div>`;
}

const latencyColumns = ({ isProxy, targetMs }: ReportData): Column<ReportTrial>[] => [
  {
    header: latencyName(isProxy),
    isNumber: true,
    cell: ({ latencyMs, isUnstable }) => `${ms(latencyMs)}${isUnstable ? " (unstable)" : ""}`,
  },
  {
    header: "of target",
    isNumber: true,
    cell: ({ latencyMs }) => (latencyMs === null ? dash : `${Math.round((100 * latencyMs) / targetMs)} %`),
  },
];

const costColumns: readonly Column<ReportTrial>[] = [
  { header: "Parameters", isNumber: true, cell: ({ params }) => compact(params) },
  { header: "Multiply-adds", isNumber: true, cell: ({ madds }) => compact(madds) },
];

const numberColumn: Column<ReportTrial> = { header: "Trial", isNumber: true, cell: ({ number }) => String(number) };
const notationColumn: Column<ReportTrial> = {
  header: "Notation",
  cell: ({ notation }) => markup`<code>${notation}</code>`,
};
const accuracyColumn: Column<ReportTrial> = {
  header: "Validation accuracy ± 1 s.e.",
  isNumber: true,
  cell: ({ accuracy, accuracyError }) => percentWithError(accuracy, accuracyError),
};
const rewardColumn: Column<ReportTrial> = { header: "Reward", isNumber: true, cell: (trial) => reward(trial.reward) };

/** The front, fastest first; the highest reward is marked. */
export function frontTable(data: ReportData): Markup {
  const front = frontOf(data);
  const best = byReward(front)[0];
  const columns = [numberColumn, ...latencyColumns(data), accuracyColumn, rewardColumn, ...costColumns, notationColumn];
  return table("Pareto front", columns, front, (trial) => trial === best);
}

/** A relative link, which cannot be taken for another scheme or host whatever the path is. */
function modelLink(path: string): Markup {
  const parts = path.toWellFormed().split(/[\\/]/);
  return markup`<a href="./${parts.map(encodeURIComponent).join("/")}">${parts.at(-1) ?? path}</a>`;
}

const finalName = ({ name, isReference }: ReportFinal): Markup =>
  markup`<svg class="plot key" width="14" height="14" role="img" aria-label="${isReference ? "reference" : "finalist"}">${
    isReference ? mark("square", "reference", 7, 7, 4, null) : mark("diamond", "finalist", 7, 7, 5, null)
  }</svg> ${name}`;

const predictedColumn: Column<ReportFinal> = {
  header: "Predicted",
  isNumber: true,
  cell: ({ predictedMs }) => (predictedMs === null ? dash : ms(predictedMs)),
};

/** Finalists and references, fastest first; finalists are marked. */
export function finalTable(data: ReportData): Markup {
  const columns: Column<ReportFinal>[] = [
    { header: "Network", cell: finalName },
    ...latencyColumns(data),
    ...(data.finals.some(({ predictedMs }) => predictedMs !== null) ? [predictedColumn] : []),
    {
      header: "Test accuracy ± 1 s.e.",
      isNumber: true,
      cell: (final) => percentWithError(final.testAccuracy, final.testError),
    },
    {
      header: "Deviation",
      isNumber: true,
      cell: ({ testDeviation }) => (testDeviation === null ? dash : (100 * testDeviation).toFixed(2)),
    },
    { header: "Trainings", isNumber: true, cell: ({ seeds }) => String(seeds.length) },
    accuracyColumn,
    ...costColumns,
    {
      header: "Model",
      cell: ({ model, state, reason }) =>
        model !== null
          ? modelLink(model)
          : state === "complete"
            ? dash
            : reason === null
              ? state
              : `${state}: ${reason}`,
    },
  ];
  return table("Finalists and reference networks", columns, byLatency(data.finals), ({ isReference }) => !isReference);
}

const outcome = ({ state, source, reason }: ReportTrial): string =>
  [
    source === null ? null : `as trial ${source}`,
    state === "pruned" ? "over the gate" : state === "complete" ? "trained" : state,
    state === "pruned" ? null : reason,
  ]
    .filter((part) => part !== null)
    .join(", ");

/** Every trial in the order they were proposed. */
export function trialTable(data: ReportData): Markup {
  const outcomeColumn: Column<ReportTrial> = { header: "Outcome", cell: outcome };
  const columns = [
    numberColumn,
    outcomeColumn,
    ...latencyColumns(data),
    accuracyColumn,
    rewardColumn,
    ...costColumns,
    notationColumn,
  ];
  const front = new Set(data.front);
  return table("All trials", columns, data.trials, ({ number }) => front.has(number));
}
