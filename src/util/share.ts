const types = { Uint8Array, Int32Array, Uint32Array, Float32Array, Float64Array } as const;
type TypedArray = InstanceType<(typeof types)[keyof typeof types]>;

/** A copy of plain data with other typed arrays. One that is there twice stays one. */
function mapArrays<T>(data: T, change: (array: TypedArray) => TypedArray): T {
  const copies = new Map<object, object>();
  const map = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    const known = copies.get(value);
    if (known !== undefined) return known;
    const copy = ArrayBuffer.isView(value)
      ? change(value as TypedArray)
      : Array.isArray(value)
        ? value.map(map)
        : Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, map(entry)]));
    copies.set(value, copy);
    return copy;
  };
  return map(data) as T;
}

/** A copy of an array over a buffer that `make` gives. */
function copyArray(array: TypedArray, make: (bytes: number) => ArrayBufferLike): TypedArray {
  // By its tag: a Buffer is a Uint8Array too.
  const Type: new (buffer: ArrayBufferLike) => TypedArray = types[array[Symbol.toStringTag]];
  const copy = new Type(make(array.byteLength));
  copy.set(array);
  return copy;
}

/** A copy of plain data in which all typed arrays are in shared memory: sent to a thread, they are not copied again. */
export const shareArrays = <T>(data: T): T =>
  mapArrays(data, (array) =>
    array.buffer instanceof SharedArrayBuffer ? array : copyArray(array, (bytes) => new SharedArrayBuffer(bytes)),
  );

/** A copy of plain data in which no typed array is in shared memory, which cannot be serialized. */
export const unshareArrays = <T>(data: T): T =>
  mapArrays(data, (array) => copyArray(array, (bytes) => new ArrayBuffer(bytes)));
