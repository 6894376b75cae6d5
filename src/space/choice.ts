/** One decision of the search: exactly one of `choices` is taken. */
export interface OneOf<T> {
  readonly kind: "oneOf";
  /** What is decided ("kernel", "seRatio"); mutations and plots group by it. */
  readonly tag: string;
  readonly choices: readonly T[];
}

/** A value, or the decision between several. */
export type Choice<T> = T | OneOf<T>;

/** `Template` with every `OneOf<T>` replaced by `T`. */
export type Decoded<Template> =
  Template extends OneOf<infer T>
    ? T
    : Template extends object
      ? { readonly [K in keyof Template]: Decoded<Template[K]> }
      : Template;

/** A hole in a template, filled by one of `choices`. An empty list is refused by `defineSpace`, which knows the place. */
export function oneOf<const T>(tag: string, choices: readonly T[]): OneOf<T> {
  return { kind: "oneOf", tag, choices };
}

export const isOneOf = (value: unknown): value is OneOf<unknown> =>
  typeof value === "object" && value !== null && (value as { kind?: unknown }).kind === "oneOf";
