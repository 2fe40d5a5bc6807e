/** What is asked for while it is busy waits for its turn. */
export function oneAtATime<A extends readonly unknown[], R>(work: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  let last: Promise<unknown> = Promise.resolve();
  return (...args) => {
    const mine = last.catch(() => {}).then(() => work(...args));
    last = mine;
    return mine;
  };
}
