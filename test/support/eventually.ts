/** Waits for something that real programs do in their own time. The bound is for a broken system, not a measure of speed. */
const PATIENCE_MS = 120_000;
const PAUSE_MS = 100;

/** Tries until `attempt` neither throws nor returns undefined or false. @throws its last error when patience ends */
export async function eventually<T>(what: string, attempt: () => Promise<T | undefined | false> | T | undefined | false, patienceMs = PATIENCE_MS): Promise<T> {
  const deadline = performance.now() + patienceMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const value = await attempt();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  const why = last instanceof Error ? ` (at last: ${last.message})` : "";
  throw new Error(`not within ${patienceMs / 1000} s: ${what}${why}`, { cause: last });
}
