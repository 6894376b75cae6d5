import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import config from "../examples/space/mnas.config.ts";
import { networkOf } from "../src/arch/network.ts";
import { resolveConfig } from "../src/config/config.ts";
import { archOf } from "../src/space/arch.ts";
import { sample, sizeOf } from "../src/space/space.ts";
import { createRng } from "../src/util/rng.ts";

const textOf = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
const page = textOf("docs/search-space.md");

test("docs/search-space.md shows the example as it is, and says how many networks it has", () => {
  expect(page).toContain(`\`\`\`ts\n${textOf("examples/space/mnas.config.ts")}\`\`\``);
  expect(page).toContain(`${sizeOf(resolveConfig(config, "the example").space).toLocaleString("en")} networks`);
});

test("every network of the example can be built", () => {
  const { space } = resolveConfig(config, "the example");
  const rng = createRng("example");
  const task = { height: 28, width: 28, channels: 1, classes: 10 };
  for (let i = 0; i < 100; i++)
    expect(networkOf(archOf(space, sample(space, rng), task)).costs.madds).toBeGreaterThan(0);
});

test("the refusal that docs/search-space.md quotes is that of a search", () => {
  const { space } = resolveConfig(config, "the example");
  const [block, ...others] = space.template.blocks;
  const wrong = {
    ...space,
    decisions: [],
    template: {
      ...space.template,
      stem: { kernel: 3, stride: 1, filters: 8 },
      blocks: [{ ...block!, kernel: 4, filters: 8, layers: 1 }, ...others],
    },
  };
  const [, quoted] = page.match(/`(blocks\.0\.kernel [^`]*)`/)!;
  expect(() => resolveConfig({ space: wrong }, "the example")).toThrow(quoted);
});
