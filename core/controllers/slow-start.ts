/**
 * Many equal actions in growing batches (1, 2, 4, …), each batch at once: what fails for the first one, like a quota,
 * is asked once and not five hundred times.
 */
export async function slowStart(count: number, action: (index: number) => Promise<void>): Promise<{ readonly done: number; readonly error?: unknown }> {
  let done = 0;
  let next = 0;
  for (let size = 1; next < count; size *= 2) {
    const batch = Array.from({ length: Math.min(size, count - next) }, (_, offset) => action(next + offset));
    next += batch.length;
    const failed: unknown[] = [];
    for (const result of await Promise.allSettled(batch)) {
      if (result.status === "fulfilled") done++;
      else failed.push(result.reason);
    }
    if (failed.length > 0) return { done, error: failed[0] };
  }
  return { done };
}
