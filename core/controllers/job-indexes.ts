/** Sets of completion indexes as status.completedIndexes writes them: "1,3-5,7". Pure. */

export function parseIndexes(text: string | undefined): Set<number> {
  const indexes = new Set<number>();
  for (const part of (text ?? "").split(",")) {
    const [from, to = from] = part.split("-").map(Number);
    if (part === "" || from === undefined || to === undefined || !Number.isInteger(from) || !Number.isInteger(to)) continue;
    for (let index = from; index <= to; index++) indexes.add(index);
  }
  return indexes;
}

export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...indexes].toSorted((a, b) => a - b);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length; ) {
    let end = at;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end++;
    const [first, last] = [sorted[at], sorted[end]];
    // two neighbours are written as a list, as Kubernetes does
    parts.push(end === at ? `${first}` : end === at + 1 ? `${first},${last}` : `${first}-${last}`);
    at = end + 1;
  }
  return parts.join(",");
}
