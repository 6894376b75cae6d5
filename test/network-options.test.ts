import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findNetwork } from "../src/cli/network.ts";
import type { NetworkOptions } from "../src/cli/network-options.ts";
import { formatArch } from "../src/space/notation.ts";
import { mnas, scratch } from "./mnas.ts";

const notation = "in32x32x3 stem8_k3_s22 r1_k3_s22_e3_i8_o16 head0 classes7";

const every: readonly NetworkOptions[] = [{ width: 0.5 }, { size: 64 }, { classes: 3 }];

test("each option changes a zoo network, and is refused with a reason for every other way to name one", () => {
  using folder = scratch();
  const file = join(folder.dir, "network.json");
  writeFileSync(file, JSON.stringify({ notation }));
  const plain = formatArch(findNetwork("mnasnet-small").arch);
  for (const option of every) {
    expect(formatArch(findNetwork("mnasnet-small", option).arch)).not.toBe(plain);
    for (const text of [notation, ` ${notation}`, file, "runs/first#3"])
      expect(() => findNetwork(text, option)).toThrow(`Cannot apply --${Object.keys(option)[0]} to "${text}": `);
  }
  expect(() => findNetwork(notation, { size: 64, classes: 3 })).toThrow("Cannot apply --size and --classes to");
  expect(formatArch(findNetwork(notation).arch)).toBe(notation);
});

test.each(["export", "measure", "models"])("%s takes no option that would change nothing", async (command) => {
  using folder = scratch();
  const out = command === "export" ? ["--out", "m.onnx"] : [];
  const { code, stdout, stderr } = await mnas([command, notation, "--size", "64", ...out], folder.dir);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("Cannot apply --size to");
  expect(stderr).toContain("Change `in…`");
});

test("a training names the network that it trains, and says that it was adapted to the data", async () => {
  using folder = scratch();
  const { code, stderr } = await mnas(["train", notation, "--recipe", "proxy", "--epochs", "0.01"], folder.dir);
  expect(code).toBe(0);
  const trained = notation.replace("in32x32x3", "in28x28x1").replace("classes7", "classes10");
  expect(stderr).toContain(`network  ${trained}: 28×28×1, 10 classes; `);
  expect(stderr).toContain("adapted  to these data; it was written for 32×32×3, 7 classes");
});
