import * as fc from "fast-check";
import { parseJson } from "../../src/util/json.ts";

/** A file or an output as a reader gets it: a valid one after some changes, or anything. */
export type Input = fc.Arbitrary<Uint8Array>;

/** Places are shares, so that they fit inputs of any length. */
interface Change {
  readonly kind: keyof typeof changes;
  readonly at: number;
  readonly to: number;
  readonly choice: number;
}

/** Texts that stand in the place of a number, a word or a value of JSON. */
const oddTexts: readonly string[] = [
  ..."0 -0 2 31 -1 1.5 1e999 -1e999 1e308 1e-320 1e21 NaN 1.2.3 0x10 4294967295 4294967296 9007199254740993 1099511627776".split(
    " ",
  ),
  ..."null true [] {} [null] [[]] [[1,2],[3]]".split(" "),
  '""',
  '"1"',
  '"__proto__"',
  "__proto__",
  "constructor",
  "9".repeat(400),
  "x".repeat(100_000),
  `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
  `${"[".repeat(3000)}1${"]".repeat(3000)}`,
  "\0",
  "\u{1f600}",
  "\u202e",
  "\r\n",
  '"',
  ",",
  ";",
  "\t",
];

const oddNumbers = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

const placeIn = (length: number, share: number): number => Math.min(length, Math.floor(share * (length + 1)));
const pick = <T>(list: readonly T[], choice: number): T => list[choice % list.length]!;
const join = (...pieces: readonly Uint8Array[]): Buffer => Buffer.concat(pieces);

/** The text with one match of a form replaced by something odd. */
function replaceMatch(bytes: Buffer, form: RegExp, { at, choice }: Change): Buffer {
  // One character for each byte, so that what is no text stays as it is.
  const text = bytes.toString("latin1");
  const found = [...text.matchAll(form)];
  if (found.length === 0) return bytes;
  const { index, 0: old } = found[Math.min(found.length - 1, Math.floor(at * found.length))]!;
  const odd = Buffer.from(pick(oddTexts, choice));
  return join(bytes.subarray(0, index), odd, bytes.subarray(index + old.length));
}

function withLines(bytes: Buffer, change: (lines: string[]) => string[]): Buffer {
  return Buffer.from(change(bytes.toString("latin1").split("\n")).join("\n"), "latin1");
}

/** Values that stand in the place of another in JSON. */
const oddValues: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  0.5,
  1e308,
  -1e308,
  5e-324,
  2 ** 31,
  2 ** 40,
  2 ** 53,
  1e21,
  "",
  "1",
  "1e999",
  "x",
  "\0",
  "é".normalize("NFD"),
  "__proto__",
  "x".repeat(10_000),
  [],
  {},
  [null],
  [[]],
  { a: {} },
  [1, 2],
  ["a", "a"],
  Array<number>(1000).fill(1),
];

/** The value of JSON; null for what is none or would exhaust the stack. */
function parsed(bytes: Buffer): unknown {
  try {
    return parseJson(bytes.toString());
  } catch {
    return null;
  }
}

/** JSON in which one value of an object or a list is missing, another, twice, or under another name. */
function changeMember(bytes: Buffer, { at, to, choice }: Change): Buffer {
  const json = parsed(bytes);
  const places: [Record<string, unknown>, string][] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      places.push([value as Record<string, unknown>, key]);
      if (places.length < 5000) visit(inner);
    }
  };
  visit(json);
  if (places.length === 0) return bytes;
  const [object, key] = places[Math.floor(at * places.length)]!;
  const value = object[key];
  if (to < 0.6) object[key] = pick(oddValues, choice);
  else if (to < 0.8) delete object[key];
  else if (to < 0.9 && Array.isArray(object)) object.push(value);
  else object[pick(["x", "constructor", "0", key.toUpperCase()], choice)] = value;
  return Buffer.from(JSON.stringify(json));
}

/** What may happen to the bytes of a valid input; `other` is another valid one. */
const changes = {
  cut: (bytes, { at }) => bytes.subarray(0, placeIn(bytes.length, at)),
  empty: () => Buffer.alloc(0),
  flip: (bytes, { at, choice }) => {
    const flipped = Buffer.from(bytes);
    if (bytes.length > 0) flipped[placeIn(bytes.length - 1, at)]! ^= 1 << (choice % 8);
    return flipped;
  },
  remove: (bytes, { at, to }) => {
    const [a, b] = [at, to].map((share) => placeIn(bytes.length, share)).toSorted((x, y) => x - y);
    return join(bytes.subarray(0, a), bytes.subarray(b));
  },
  repeat: (bytes, { at, choice }) => {
    const from = placeIn(bytes.length, at);
    const piece = bytes.subarray(from, from + 1 + (choice % 64));
    return join(bytes.subarray(0, from), ...Array<Uint8Array>(1 + (choice % 5)).fill(piece), bytes.subarray(from));
  },
  splice: (bytes, { at, to }, other) =>
    join(bytes.subarray(0, placeIn(bytes.length, at)), other.subarray(placeIn(other.length, to))),
  // Sizes and offsets mostly lie at the beginning.
  number: (bytes, { at, to, choice }) => {
    const changed = Buffer.from(bytes);
    const number = Buffer.alloc(8);
    if (to < 0.5) number.writeUInt32LE(pick(oddNumbers, choice));
    else number.writeUInt32BE(pick(oddNumbers, choice));
    const from = placeIn(choice % 2 === 0 ? Math.min(64, bytes.length) : bytes.length, at);
    number.copy(changed, from, 0, [4, 8, 1, 2][choice % 4]);
    return changed;
  },
  notUtf8: (bytes, { at, choice }) => {
    const from = placeIn(bytes.length, at);
    return join(bytes.subarray(0, from), Buffer.from([0xc3, 0xff, 0xed, 0xa0, choice]), bytes.subarray(from));
  },
  digits: (bytes, change) => replaceMatch(bytes, /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g, change),
  word: (bytes, change) => replaceMatch(bytes, /[a-zA-Z_]\w*/g, change),
  member: changeMember,
  value: (bytes, change) => replaceMatch(bytes, /(?<=[:[,]\s*)(?:"[^"]*"|[\w.+-]+|\[[^[\]]*\]|\{[^{}]*\})/g, change),
  insert: (bytes, { at, choice }) => {
    const from = placeIn(bytes.length, at);
    return join(bytes.subarray(0, from), Buffer.from(pick(oddTexts, choice)), bytes.subarray(from));
  },
  lines: (bytes, { at, to, choice }) =>
    withLines(bytes, (lines) => {
      const [from, into] = [at, to].map((share) => placeIn(lines.length - 1, share)) as [number, number];
      return choice % 2 === 0 ? lines.toSpliced(into, 0, lines[from]!) : lines.toSpliced(from, 1);
    }),
} as const satisfies Record<string, (bytes: Buffer, change: Change, other: Buffer) => Buffer>;

/** Changes that leave most of the form as it is come more often: what is refused at once shows little. */
const mild = ["digits", "digits", "word", "value", "value", "member", "member", "lines", "insert"] as const;
const all = Object.keys(changes) as (keyof typeof changes)[];

/** Doubles of fast-check are mostly next to 0. */
const share = fc.nat(999_999).map((millionths) => millionths / 1e6);

/** Without bias: numbers near 0 would change nearly the same place again and again. */
const changeOf = (isText: boolean): fc.Arbitrary<Change> =>
  fc.noBias(
    fc.record({
      kind: fc.constantFrom(...(isText ? [...mild, ...mild, ...all] : all)),
      at: share,
      to: share,
      choice: fc.nat(10_000),
    }),
  );

const isText = (bytes: Uint8Array): boolean => bytes.every((byte) => byte >= 9);

/** Mostly a sample with one to three changes, sometimes noise or a text. */
export function inputsFrom(samples: readonly Uint8Array[]): Input {
  const sample = fc.constantFrom(...samples);
  const change = changeOf(samples.every(isText));
  const changed = fc
    .tuple(
      sample,
      sample,
      fc.oneof(
        change.map((one) => [one]),
        { weight: 1, arbitrary: fc.array(change, { minLength: 2, maxLength: 3 }) },
      ),
    )
    .map(([from, other, list]) =>
      list.reduce<Buffer>(
        (bytes, change) => changes[change.kind](bytes, change, Buffer.from(other)),
        Buffer.from(from),
      ),
    );
  return fc.oneof(
    { weight: 18, arbitrary: changed },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 1, arbitrary: fc.oneof(fc.string({ unit: "binary" }), fc.json()).map((text) => Buffer.from(text)) },
  );
}
