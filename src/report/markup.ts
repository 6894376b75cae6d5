/** Text that is HTML or SVG already. */
export interface Markup {
  readonly markup: string;
}

/** What may stand in a template: text is escaped, numbers are rounded to a hundredth, null is nothing. */
export type Piece = string | number | Markup | null | readonly Piece[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** XML has no place for these, not even escaped. */
const isForbidden = (character: string): boolean =>
  (character < " " && !"\t\n\r".includes(character)) || character === "\uFFFE" || character === "\uFFFF";

/** Text as it can stand in an element or a quoted attribute, of HTML and of XML. */
export const escapeText = (text: string): string =>
  Array.from(text.toWellFormed(), (c) => (isForbidden(c) ? "\uFFFD" : (entities[c] ?? c))).join("");

function render(piece: Piece): string {
  if (piece === null) return "";
  if (typeof piece === "number") return String(Math.round(piece * 100) / 100);
  if (typeof piece === "string") return escapeText(piece);
  return "markup" in piece ? piece.markup : piece.map(render).join("");
}

/** Template tag: the literal parts are markup, everything put in is escaped unless it is markup itself. */
export const markup = (literals: TemplateStringsArray, ...pieces: readonly Piece[]): Markup => ({
  markup: String.raw({ raw: literals }, ...pieces.map(render)),
});

/** Text that must not be escaped, such as a style sheet of ours. */
export const raw = (text: string): Markup => ({ markup: text });
