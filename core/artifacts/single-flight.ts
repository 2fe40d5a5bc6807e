/** Runs a piece of work once for all who ask for it at the same time, a few pieces at once, the rest in a bounded queue. */
export type SingleFlight<T> = (key: string, work: () => Promise<T>) => Promise<T | "busy">;

export function singleFlight<T>(limits: { readonly running: number; readonly waiting: number }): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>();
  const waiting: (() => void)[] = [];
  let running = 0;

  async function run(work: () => Promise<T>): Promise<T> {
    if (running >= limits.running) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      // the place goes to the next one without being free in between
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  }

  return (key, work) => {
    const flying = flights.get(key);
    if (flying !== undefined) return flying;
    if (waiting.length >= limits.waiting) return Promise.resolve("busy");
    const flight = run(work).finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  };
}
