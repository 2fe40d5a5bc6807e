/**
 * Work that looks at a state, or writes it, whenever somebody asks: one run at a time, and whoever asks during one gets the
 * next, because only a run that began after a change is sure to have seen it. Many who ask meanwhile share that one.
 */
export function onceMore(work: () => Promise<void>): () => Promise<void> {
  let going: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const run = (): Promise<void> => {
    going = work().finally(() => {
      going = undefined;
    });
    return going;
  };
  const after = async (before: Promise<void>): Promise<void> => {
    await before.catch(() => {});
    next = undefined;
    await run();
  };
  return () => {
    if (next !== undefined) return next;
    if (going === undefined) return run();
    next = after(going);
    return next;
  };
}
