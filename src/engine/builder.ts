import { layouts, parameters } from "../../build/kernels.js";
import { align, createBuffer, planArena, type Buffer } from "./arena.ts";
import type { Kernel, Parameter } from "./kernels.ts";

/** A number, an address, or a buffer that will have one. */
export type Argument = number | Buffer;

/** One kernel call; the program of a network is a list of them. */
export interface Call {
  readonly kernel: Kernel;
  readonly args: readonly Argument[];
  /** What takes its place when the network is not being trained; null for nothing. */
  readonly inference?: Call | null;
}

/** The arguments of a kernel by their names in `kernels/`. */
export type Arguments<Name extends Kernel> = { readonly [P in Parameter<Name>]: Argument };

/** A call of a kernel with all its arguments. */
export const callOf = <Name extends Kernel>(kernel: Name, args: Arguments<Name>): Call => ({
  kernel,
  args: parameters[kernel].map((name) => args[name as Parameter<Name>]),
});

/** A class of `kernels/` whose fields JavaScript writes. */
type RecordName = keyof typeof layouts;

/** The fields of a record by their names in `kernels/`. */
type Fields<Name extends RecordName> = { readonly [Field in keyof (typeof layouts)[Name]]: Argument };

type Layout = Readonly<Record<string, readonly [offset: number, type: string]>>;

/** Hands out memory and collects calls while a network is compiled. */
export interface Builder {
  readonly calls: readonly Call[];
  /** Memory shared by all calls, for what none of them needs after it has returned. */
  readonly scratch: Buffer;
  /** Memory for the life of the engine; its address. */
  reserve(bytes: number): number;
  /** Memory for as long as calls touch it. */
  buffer(bytes: number): Buffer;
  /** A record of `kernels/`, written when all addresses are known; its address. */
  record<Name extends RecordName>(name: Name, fields: () => Fields<Name>): number;
  /** Appends a call that touches some buffers and so much scratch memory. */
  emit(call: Call, touched?: readonly (Buffer | null)[], scratchBytes?: number): void;
  /** Plans the memory; returns its end. */
  plan(): number;
  /** Writes the records, once planned. */
  writeRecords(memory: ArrayBuffer): void;
}

export const addressOf = (argument: Argument): number => (typeof argument === "number" ? argument : argument.offset);

export function createBuilder(base: number): Builder {
  let end = align(base);
  let scratchBytes = 0;
  const calls: Call[] = [];
  const buffers: Buffer[] = [];
  const records: {
    readonly address: number;
    readonly layout: Layout;
    readonly fields: () => Record<string, Argument>;
  }[] = [];
  const scratch = createBuffer(0);

  const reserve = (bytes: number): number => {
    const address = end;
    end = align(address + bytes);
    return address;
  };
  return {
    calls,
    scratch,
    reserve,
    buffer(bytes) {
      const buffer = createBuffer(bytes);
      buffers.push(buffer);
      return buffer;
    },
    record(name, fields) {
      const layout: Layout = layouts[name];
      // All fields have 4 bytes.
      const address = reserve(4 * Object.keys(layout).length);
      records.push({ address, layout, fields });
      return address;
    },
    emit(call, touched = [], bytes = 0) {
      for (const buffer of touched) {
        if (buffer === null) continue;
        buffer.first = Math.min(buffer.first, calls.length);
        buffer.last = Math.max(buffer.last, calls.length);
      }
      scratchBytes = Math.max(scratchBytes, bytes);
      calls.push(call);
    },
    plan() {
      scratch.offset = reserve(scratchBytes);
      return planArena(buffers, end);
    },
    writeRecords(memory) {
      const view = new DataView(memory);
      for (const { address, layout, fields } of records) {
        const values = fields();
        for (const [name, [offset, type]] of Object.entries(layout)) {
          const value = addressOf(values[name]!);
          if (type === "f32") view.setFloat32(address + offset, value, true);
          else view.setUint32(address + offset, value, true);
        }
      }
    },
  };
}
