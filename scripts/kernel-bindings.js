/*
 * A transform of the AssemblyScript compiler. It writes build/kernels.js and build/kernels.d.ts: the parameters of each
 * exported kernel and the fields of each record, as the compiler knows them, for `src/engine`.
 */
import { ElementKind } from "assemblyscript";
import { Transform } from "assemblyscript/transform";

/** Functions that kernels.wasm exports, by their exported names. */
function* exportedFunctions(program) {
  for (const file of program.filesByName.values()) {
    if (file.source.sourceKind !== 1) continue;
    for (const [name, element] of file.exports ?? []) {
      if (element.kind === ElementKind.FunctionPrototype) yield [name, element];
    }
  }
}

const parametersOf = (prototype) => prototype.functionTypeNode.parameters.map(({ name }) => name.text);

/** Offset in bytes and type of each field of a class. */
function fieldsOf(instance) {
  return [...instance.members.values()]
    .filter(({ kind }) => kind === ElementKind.PropertyPrototype)
    .map(({ instance: property }) => property)
    .filter((property) => property?.isField)
    .map((field) => [field.name, [field.memoryOffset, field.type.toString()]]);
}

/** Records that JavaScript writes: classes of ours without a garbage collector's header. */
function* records(program) {
  for (const prototype of program.elementsByName.values()) {
    if (prototype.kind !== ElementKind.ClassPrototype || prototype.declaration.range.source.isLibrary) continue;
    for (const instance of prototype.instances?.values() ?? []) {
      if (!instance.type.isUnmanaged) continue;
      yield [prototype.name, Object.fromEntries(fieldsOf(instance))];
    }
  }
}

export default class extends Transform {
  async afterCompile() {
    const parameters = Object.fromEntries(
      [...exportedFunctions(this.program)].map(([name, f]) => [name, parametersOf(f)]),
    );
    const layouts = Object.fromEntries(records(this.program));
    const text = (value) => JSON.stringify(value, null, 2);
    await this.writeFile(
      "build/kernels.js",
      `export const parameters = ${text(parameters)};\nexport const layouts = ${text(layouts)};\n`,
      ".",
    );
    await this.writeFile(
      "build/kernels.d.ts",
      `/** Parameters of each kernel, in their order. */\nexport declare const parameters: ${readonly(parameters)};\n` +
        `/** Fields of each record: offset in bytes and type. */\nexport declare const layouts: ${text(layouts)};\n`,
      ".",
    );
  }
}

const readonly = (lists) =>
  `{\n${Object.entries(lists)
    .map(([name, list]) => `  readonly ${name}: readonly ${JSON.stringify(list)};`)
    .join("\n")}\n}`;
