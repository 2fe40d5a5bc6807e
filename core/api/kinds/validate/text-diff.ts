/**
 * What changed between two structures, as a unified diff of their indented JSON: the form in which Kubernetes tells users
 * which field of a pod they may not change. Only errors pay for it.
 */
const CONTEXT = 3;

interface Line {
  readonly sign: " " | "-" | "+";
  readonly text: string;
  /** lines of either side before this one */
  readonly before: number;
  readonly after: number;
}

export function diffOf(old: object, next: object): string {
  const lines = align(JSON.stringify(old, undefined, " ").split("\n"), JSON.stringify(next, undefined, " ").split("\n"));
  const changed = lines.flatMap(({ sign }, index) => (sign === " " ? [] : [index]));
  let text = "";
  for (let at = 0; at < changed.length; ) {
    const start = Math.max(0, (changed[at] ?? 0) - CONTEXT);
    let last = changed[at] ?? 0;
    while (++at < changed.length && (changed[at] ?? 0) - last <= 2 * CONTEXT) last = changed[at] ?? 0;
    text += hunk(lines.slice(start, last + CONTEXT + 1));
  }
  return text;
}

function hunk(lines: readonly Line[]): string {
  const count = (sign: "-" | "+") => lines.filter((line) => line.sign === " " || line.sign === sign).length;
  const { before = 0, after = 0 } = lines[0] ?? {};
  return `@@ -${before + 1},${count("-")} +${after + 1},${count("+")} @@\n${lines.map(({ sign, text }) => `${sign}${text}\n`).join("")}`;
}

/** Common lines at both ends are cut off first, so the table of the longest common subsequence stays small. */
function align(old: readonly string[], next: readonly string[]): readonly Line[] {
  let head = 0;
  while (head < old.length && head < next.length && old[head] === next[head]) head++;
  let tail = 0;
  while (tail < old.length - head && tail < next.length - head && old.at(-1 - tail) === next.at(-1 - tail)) tail++;
  const lines: Line[] = [];
  let before = 0;
  let after = 0;
  const push = (sign: Line["sign"], text: string) => {
    lines.push({ sign, text, before, after });
    if (sign !== "+") before++;
    if (sign !== "-") after++;
  };
  for (const text of old.slice(0, head)) push(" ", text);
  const [a, b] = [old.slice(head, old.length - tail), next.slice(head, next.length - tail)];
  const lengths = commonLengths(a, b);
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      push(" ", a[i] ?? "");
      i++;
      j++;
    } else if (i < a.length && (j >= b.length || (lengths[i + 1]?.[j] ?? 0) >= (lengths[i]?.[j + 1] ?? 0))) push("-", a[i++] ?? "");
    else push("+", b[j++] ?? "");
  }
  for (const text of old.slice(old.length - tail)) push(" ", text);
  return lines;
}

function commonLengths(a: readonly string[], b: readonly string[]): readonly Uint16Array[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const row = table[i];
      if (row !== undefined) row[j] = a[i] === b[j] ? (table[i + 1]?.[j + 1] ?? 0) + 1 : Math.max(table[i + 1]?.[j] ?? 0, row[j + 1] ?? 0);
    }
  }
  return table;
}
