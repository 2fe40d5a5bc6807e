/** Go's notation of a duration ("1h30m", "-1.5s"), with the words of its errors (package time, ParseDuration). */
const MILLISECONDS: { readonly [unit: string]: number } = { ns: 1e-6, us: 1e-3, "µs": 1e-3, "μs": 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** In milliseconds. @throws Error what Go says of a text that is none */
export function parseDuration(text: string): number {
  const quoted = JSON.stringify(text);
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0;
  let left = rest;
  let sum = 0;
  do {
    const [all = "", number = "", unit = ""] = /^(\d+(?:\.\d*)?|\.\d+)([^\d.]*)/s.exec(left) ?? [];
    if (number === "") throw new Error(`time: invalid duration ${quoted}`);
    if (unit === "") throw new Error(`time: missing unit in duration ${quoted}`);
    if (!Object.hasOwn(MILLISECONDS, unit)) throw new Error(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`);
    sum += Number(number) * (MILLISECONDS[unit] ?? 0);
    left = left.slice(all.length);
  } while (left !== "");
  return sign === "-" ? -sum : sum;
}
