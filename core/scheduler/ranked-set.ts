/**
 * A max-heap of small integers (node ordinals) whose scores change one at a time: the scheduler keeps one for each class of
 * equal pods, so that a placement costs the logarithm of the number of nodes instead of a scan over all of them. Equal
 * scores rank by ordinal, so that a decision depends on the state alone.
 */
export interface RankedSet {
  /** adds the member or moves it to its new rank */
  set(member: number, score: number): void;
  remove(member: number): void;
  has(member: number): boolean;
  top(): number | undefined;
  scoreOf(member: number): number;
  readonly size: number;
}

export function rankedSet(): RankedSet {
  const heap: number[] = [];
  const scores: number[] = [];
  const positions: number[] = [];

  const positionOf = (member: number) => positions[member] ?? -1;
  const scoreOf = (member: number) => scores[member] ?? 0;
  const at = (position: number) => heap[position] ?? -1;

  function before(a: number, b: number): boolean {
    const difference = scoreOf(a) - scoreOf(b);
    return difference > 0 || (difference === 0 && a < b);
  }

  function place(member: number, position: number): void {
    heap[position] = member;
    positions[member] = position;
  }

  function up(member: number, from: number): number {
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      if (!before(member, at(parent))) break;
      place(at(parent), position);
      position = parent;
    }
    return position;
  }

  function down(member: number, from: number): number {
    let position = from;
    for (;;) {
      const left = 2 * position + 1;
      if (left >= heap.length) return position;
      const right = left + 1;
      const child = right < heap.length && before(at(right), at(left)) ? right : left;
      if (!before(at(child), member)) return position;
      place(at(child), position);
      position = child;
    }
  }

  function settle(member: number, position: number): void {
    place(member, down(member, up(member, position)));
  }

  return {
    set(member, score) {
      scores[member] = score;
      const position = positionOf(member);
      settle(member, position < 0 ? heap.length : position);
    },
    remove(member) {
      const position = positionOf(member);
      if (position < 0) return;
      positions[member] = -1;
      const last = heap.pop();
      if (last !== undefined && last !== member) settle(last, position);
    },
    has: (member) => positionOf(member) >= 0,
    top: () => heap[0],
    scoreOf,
    get size() {
      return heap.length;
    },
  };
}
