/** A list in one table cell: the first few, and how many more there are. */
const SHOWN = 3;

export function shorten(all: readonly string[], total = all.length): string {
  const text = all.slice(0, SHOWN).join(",");
  return total > SHOWN ? `${text} + ${total - SHOWN} more...` : text;
}
