import { expect, test } from "vitest";
import { fillAxes, type DeclaredInput } from "../src/device/axes.ts";

const input = (...axes: DeclaredInput["axes"]): DeclaredInput => ({ name: "x", type: "float32", axes });
const [h, w] = ["h", "w"];
const dims = (sizes: Readonly<Record<string, number>>) => new Map(Object.entries(sizes));

test.each([
  ["all sizes are there", input(2, 3, 224, 224), {}, [2, 3, 224, 224]],
  ["an open batch", input("n", 3, 224, 224), {}, [1, 3, 224, 224]],
  ["a batch without a name", input(null, 3, 224, 224), {}, [1, 3, 224, 224]],
  ["a batch of features", input("batch_size", 128), {}, [1, 128]],
  ["a batch of features without a name", input(null, 128), {}, [1, 128]],
  ["open pixels", input("n", 3, h, w), { size: 96 }, [1, 3, 96, 96]],
  ["open pixels without names", input(null, 3, null, null), { size: 96 }, [1, 3, 96, 96]],
  ["open pixels as torch.export calls them", input("s77", 3, "s2", "s3"), { size: 96 }, [1, 3, 96, 96]],
  [
    "open pixels as PyTorch's older exporter calls them",
    input("x_axes_0", 3, "x_axes_2", "x_axes_3"),
    { size: 9 },
    [1, 3, 9, 9],
  ],
  ["grey pictures", input("batch", 1, "height", "width"), { size: 28 }, [1, 1, 28, 28]],
  ["channels last", input("unk__5", "unk__6", "unk__7", 3), { size: 96 }, [1, 96, 96, 3]],
  ["maps of features", input("N", 64, "H", "W"), { size: 14 }, [1, 64, 14, 14]],
  ["height and width of one name", input("n", 3, "side", "side"), { size: 96 }, [1, 3, 96, 96]],
  ["other sizes by name", input("n", 3, h, w), { dims: dims({ h: 64, w: 48 }) }, [1, 3, 64, 48]],
  ["a name before --size", input("n", 3, h, w), { size: 96, dims: dims({ w: 48 }) }, [1, 3, 96, 48]],
  ["a batch of the user's", input("n", 3, 8, 8), { dims: dims({ n: 4 }) }, [4, 3, 8, 8]],
  ["an axis without a name by its place", input(1, null, 64), { dims: dims({ "x.1": 16 }) }, [1, 16, 64]],
  ["the size that the file has", input(1, 3, 224, 224), { size: 224 }, [1, 3, 224, 224]],
  ["no axes", input(), {}, []],
])("fillAxes() fills %s", (_what, declared, sizes, shape) => {
  const { inputs } = fillAxes("m.onnx", [declared], sizes);
  expect(inputs).toEqual([{ name: "x", type: "float32", shape }]);
});

test("fillAxes() gives axes of one name one size in all inputs, and says which names it used", () => {
  const ids = { name: "ids", type: "int64", axes: ["batch", "length"] };
  const mask = { name: "mask", type: "bool", axes: ["batch", "length"] };
  expect(
    fillAxes("m.onnx", [input("batch", 3, h, w), ids, mask], { size: 32, dims: dims({ length: 7, z: 1 }) }),
  ).toEqual({
    inputs: [
      { name: "x", type: "float32", shape: [1, 3, 32, 32] },
      { name: "ids", type: "int64", shape: [1, 7] },
      { name: "mask", type: "bool", shape: [1, 7] },
    ],
    used: new Set(["length"]),
  });
});

const open = "MODEL_INVALID";
test.each([
  [
    "pixels without a size",
    input("n", 3, h, w),
    {},
    open,
    "the size of h, w is open (x is n×3×h×w)",
    "--size PX, or --dim h=N",
  ],
  ["one of two sides", input(1, 3, 224, "w"), {}, open, "the size of w is open", "--size PX, or --dim w=N"],
  ["a length", input("batch", "length"), { size: 9 }, open, "the size of length is open", "--dim length=N"],
  ["a length in the first place", input("seq", "batch", 64), {}, open, "the size of seq, batch is open", "--dim seq=N"],
  ["the only axis", input("n"), {}, open, "the size of n is open", "--dim n=N"],
  ["an axis without a name", input("batch", null, 64), {}, open, "the size of x.1 is open", "--dim x.1=N"],
  [
    "what an attention remembers, which is no picture",
    input("batch", 8, "past_length", 64),
    { size: 224 },
    open,
    "the size of past_length is open",
    "--dim past_length=N",
  ],
  [
    "what an attention with one head remembers",
    input("batch", 1, "past_sequence", 64),
    { size: 224 },
    open,
    "the size of past_sequence is open",
    "--dim past_sequence=N",
  ],
  [
    "the number of channels",
    input("n", "channels", h, w),
    { size: 9 },
    open,
    "the size of channels is open",
    "channels=N",
  ],
  ["batch and side of one name", input("h", 3, "h", 9), { size: 9 }, open, "h would be both 1 and 9", "--dim h=N"],
  [
    "a size that is fixed",
    input(1, 3, 224, 224),
    { size: 64 },
    "USAGE",
    "a fixed shape, 1×3×224×224",
    "export the network",
  ],
  [
    "a side that is fixed",
    input(1, 3, 224, w),
    { size: 64 },
    "USAGE",
    "a fixed shape, 1×3×224×w",
    "export the network",
  ],
  [
    "a size without an image",
    input(1, 128),
    { size: 64 },
    "USAGE",
    "none of its inputs is an image",
    "Leave out --size",
  ],
])("fillAxes() does not invent %s", (_what, declared, sizes, code, message, hint) => {
  expect(() => fillAxes("m.onnx", [declared], sizes)).toThrowError(
    expect.objectContaining({
      code,
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    }),
  );
});
