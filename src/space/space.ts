import { MnasError } from "../errors.ts";
import type { Rng } from "../util/rng.ts";
import { isOneOf, type Decoded, type OneOf } from "./choice.ts";

/** The index taken at each decision, in template order. */
export type Genotype = readonly number[];

/** A decision with its place in the template, for example `blocks.2.kernel`. */
export interface Decision extends OneOf<unknown> {
  readonly path: string;
}

/** A set of networks: a template with holes. */
export interface SearchSpace<Template = unknown> {
  readonly name: string;
  readonly template: Template;
  /** Every decision, in the order of the genotype. */
  readonly decisions: readonly Decision[];
}

function collect(value: unknown, path: string, found: Decision[]): void {
  if (isOneOf(value)) found.push({ ...value, path });
  else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) collect(inner, path === "" ? key : `${path}.${key}`, found);
  }
}

/**
 * Makes a search space of a template in which any value may be a `oneOf`.
 *
 * @throws MnasError `SPACE_INVALID` when a decision has no choices or repeats one.
 */
export function defineSpace<const Template>(name: string, template: Template): SearchSpace<Template> {
  const decisions: Decision[] = [];
  collect(template, "", decisions);
  for (const { path, tag, choices } of decisions) {
    if (choices.length === 0) {
      throw new MnasError(
        "SPACE_INVALID",
        `Cannot define space "${name}": decision ${path} ("${tag}") has no choices`,
        {
          hint: "Give it at least one choice, or a plain value.",
        },
      );
    }
    if (new Set(choices.map((choice) => JSON.stringify(choice))).size < choices.length) {
      throw new MnasError(
        "SPACE_INVALID",
        `Cannot define space "${name}": decision ${path} ("${tag}") repeats a choice`,
        {
          hint: "Remove the repeated choice; it would be sampled twice as often.",
        },
      );
    }
  }
  return { name, template, decisions };
}

/** Number of genotypes in the space. */
export const sizeOf = (space: SearchSpace): bigint =>
  space.decisions.reduce((size, { choices }) => size * BigInt(choices.length), 1n);

/**
 * Replaces each decision by the choice that the genotype takes.
 *
 * @throws MnasError `SPACE_MISMATCH` when the genotype is not one of the space.
 */
export function decode<Template>(space: SearchSpace<Template>, genotype: Genotype): Decoded<Template> {
  const { decisions } = space;
  if (genotype.length !== decisions.length) {
    throw new MnasError(
      "SPACE_MISMATCH",
      `Cannot decode a genotype of ${genotype.length} decisions: space "${space.name}" has ${decisions.length}`,
    );
  }
  let position = 0;
  const fill = (value: unknown): unknown => {
    if (isOneOf(value)) {
      const index = genotype[position]!;
      if (!Number.isInteger(index) || index < 0 || index >= value.choices.length) {
        throw new MnasError(
          "SPACE_MISMATCH",
          `Cannot decode decision ${position} ("${value.tag}"): index is ${index}, must be < ${value.choices.length}`,
        );
      }
      position += 1;
      return value.choices[index];
    }
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
  };
  return fill(space.template) as Decoded<Template>;
}

/** A uniformly random genotype. */
export const sample = (space: SearchSpace, rng: Rng): Genotype =>
  space.decisions.map(({ choices }) => rng.int(choices.length));

/** The genotype with one decision, of those that leave a choice, taken differently. */
export function mutate(space: SearchSpace, genotype: Genotype, rng: Rng): Genotype {
  const open = space.decisions.flatMap(({ choices }, i) => (choices.length > 1 ? [i] : []));
  if (open.length === 0) return genotype;
  const at = rng.pick(open);
  const others = space.decisions[at]!.choices.length - 1;
  return genotype.with(at, (genotype[at]! + 1 + rng.int(others)) % (others + 1));
}
