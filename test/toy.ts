/** The one block of the toy space, with every decision. */
const everyDecision = `{ op: oneOf("op", ["sepconv", "mbconv3"]), kernel: oneOf("kernel", [3, 5]), stride: 2, filters: oneOf("filters", [8, 12]),
  layers: oneOf("layers", [1, 2]), seRatio: oneOf("seRatio", [0, 0.25]), skip: oneOf("skip", ["none", "pool"]) }`;

/** Text of a config whose networks are small enough to search in seconds, with `settings` besides the space. */
export const toyConfig = (settings: string, block = everyDecision): string => `
const oneOf = (tag, choices) => ({ kind: "oneOf", tag, choices });
export default {
  space: {
    name: "toy",
    decisions: [],
    template: { stem: { kernel: 3, stride: 2, filters: 8 }, blocks: [${block}], head: { filters: 0 }, dropout: 0 },
  },
  ${settings}
};
`;
