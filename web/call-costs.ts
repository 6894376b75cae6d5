/** How often a call is measured before the shortest time is believed. */
const enough = 3;

/**
 * Keeps what calls take that do nothing, by runtime, inputs and outputs. A disturbance can only lengthen a call, so the
 * shortest of some measurements counts: what is subtracted too much makes a network too fast.
 */
export function createCallCosts() {
  const known = new Map<string, number>();
  /** The cost by all measurements so far; `isDoubted` adds one. */
  return async (key: string, measure: () => Promise<number>, isDoubted = false): Promise<number> => {
    let shortest = known.get(key) ?? Infinity;
    for (let left = shortest === Infinity ? enough : Number(isDoubted); left > 0; left--)
      shortest = Math.min(shortest, await measure());
    known.set(key, shortest);
    return shortest;
  };
}
