import type { TestDevice } from "./device.ts";

/** Every container ends at once. @returns the seconds between its starts so far, rounded */
export function crashing({ runtime, clock }: TestDevice, exitCode = 1): () => readonly number[] {
  const starts: number[] = [];
  runtime.behaviour = () => {
    starts.push(clock.monotonic());
    return { exitAfterMs: 0, exitCode };
  };
  return () => starts.slice(1).map((at, index) => Math.round((at - (starts[index] ?? 0)) / 1000));
}
