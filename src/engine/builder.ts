import { align, createBuffer, planArena, type Buffer } from "./arena.ts";
import type { Kernel } from "./kernels.ts";

/** A number, an address, or a buffer that will have one. */
export type Argument = number | Buffer;

/** One kernel call; the program of a network is a list of them. */
export interface Call {
  readonly kernel: Kernel;
  readonly args: readonly Argument[];
  /** What takes its place when the network is not being trained; null for nothing. */
  readonly inference?: Call | null;
}

/** A float32 in a record; other words are integers and addresses. */
export interface Float {
  readonly float: number;
}

/** Hands out memory and collects calls while a network is compiled. */
export interface Builder {
  readonly calls: readonly Call[];
  /** Memory shared by all calls, for what none of them needs after it has returned. */
  readonly scratch: Buffer;
  /** Memory for the life of the engine; its address. */
  reserve(bytes: number): number;
  /** Memory for as long as calls touch it. */
  buffer(bytes: number): Buffer;
  /** A record of 4-byte words, made when all addresses are known; its address. */
  record(length: number, words: () => readonly (Argument | Float)[]): number;
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
  const records: { readonly address: number; readonly words: () => readonly (Argument | Float)[] }[] = [];
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
    record(length, words) {
      const address = reserve(4 * length);
      records.push({ address, words });
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
      for (const { address, words } of records) {
        words().forEach((word, i) => {
          const at = address + 4 * i;
          if (typeof word === "object" && "float" in word) view.setFloat32(at, word.float, true);
          else view.setUint32(at, addressOf(word), true);
        });
      }
    },
  };
}
