/** Which nodes changed, in order, so that each ranking can catch up from where it last looked. */
export interface ChangeLog {
  add(ordinal: number): void;
  /** position after the last change */
  readonly end: number;
  /** the changes from a position on; undefined if so many happened that looking at every node is cheaper */
  since(position: number): readonly number[] | undefined;
}

/** Changes kept: a ranking that is further behind looks at all nodes, which costs about the same. */
const KEPT = 16_384;

export function changeLog(): ChangeLog {
  let kept: number[] = [];
  let start = 0;
  return {
    add(ordinal) {
      kept.push(ordinal);
      if (kept.length < 2 * KEPT) return;
      start += KEPT;
      kept = kept.slice(KEPT);
    },
    get end() {
      return start + kept.length;
    },
    since: (position) => (position < start ? undefined : kept.slice(position - start)),
  };
}
