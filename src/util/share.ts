const types = { Uint8Array, Int32Array, Uint32Array, Float32Array, Float64Array } as const;
type TypedArray = InstanceType<(typeof types)[keyof typeof types]>;

/**
 * A copy of plain data in which all typed arrays are in shared memory: sent to a thread, they are not copied again. An
 * array that is there twice stays one.
 */
export function shareArrays<T>(data: T): T {
  const copies = new Map<object, object>();
  const share = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    const known = copies.get(value);
    if (known !== undefined) return known;
    const copy = ArrayBuffer.isView(value)
      ? shareArray(value as TypedArray)
      : Array.isArray(value)
        ? value.map(share)
        : Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, share(entry)]));
    copies.set(value, copy);
    return copy;
  };
  return share(data) as T;
}

function shareArray(array: TypedArray): TypedArray {
  if (array.buffer instanceof SharedArrayBuffer) return array;
  // By its tag: a Buffer is a Uint8Array too.
  const Type: new (buffer: SharedArrayBuffer) => TypedArray = types[array[Symbol.toStringTag]];
  const copy = new Type(new SharedArrayBuffer(array.byteLength));
  copy.set(array);
  return copy;
}
