/** Does one thing at a time, in the order in which it is asked; one that fails does not keep the next from its turn. */
export function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}

/** Lets timers, messages and signals be handled between two pieces of synchronous work. */
export const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
