/** Times as the API stores them: RFC 3339 in UTC, whole seconds (Time) or microseconds (MicroTime). */
import { badRequest } from "../status.ts";

const layout = [
  { piece: "2006", pattern: /^\d{4}/ },
  { piece: "-", pattern: /^-/ },
  { piece: "01", pattern: /^\d{2}/, name: "month", max: 12, min: 1 },
  { piece: "-", pattern: /^-/ },
  { piece: "02", pattern: /^\d{2}/, name: "day", max: 31, min: 1 },
  { piece: "T", pattern: /^T/ },
  { piece: "15", pattern: /^\d{2}/, name: "hour", max: 23, min: 0 },
  { piece: ":", pattern: /^:/ },
  { piece: "04", pattern: /^\d{2}/, name: "minute", max: 59, min: 0 },
  { piece: ":", pattern: /^:/ },
  { piece: "05", pattern: /^\d{2}(?:\.\d+)?/, name: "second", max: 59.999_999_999, min: 0 },
  { piece: "Z07:00", pattern: /^(?:Z|[+-]\d{2}:\d{2})/ },
] as const;

/** MicroTime has exactly six decimals */
const MICRO_DIGITS = 6;
const microLayout = layout.flatMap((each) => (each.piece === "05" ? [{ ...each, pattern: /^\d{2}/ }, { piece: ".000000", pattern: /^\.\d{6}/ }] : [each]));

const plainTime = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.(\d+))?(?:Z|[+-]\d{2}:\d{2})$/;

/** Throws BadRequest with the words of Go's time.Parse. `micro`: MicroTime, six decimals; else whole seconds. */
export function canonicalTime(text: string, micro: boolean): string {
  const parts = plainTime.exec(text);
  const milliseconds = parts === null ? Number.NaN : Date.parse(text);
  if (Number.isNaN(milliseconds) || !dayExists(text) || (micro && parts?.[1]?.length !== MICRO_DIGITS)) throw badRequest(parseError(text, micro));
  const seconds = new Date(milliseconds).toISOString().slice(0, 19);
  return micro ? `${seconds}.${parts?.[1]}Z` : `${seconds}Z`;
}

/** Date takes 31 February for 3 March. */
function dayExists(text: string): boolean {
  const last = new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
  return Number(text.slice(8, 10)) <= last;
}

function parseError(text: string, micro: boolean): string {
  const name = micro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00";
  let rest = text;
  for (const each of micro ? microLayout : layout) {
    const found = each.pattern.exec(rest)?.[0];
    if (found === undefined) return `parsing time ${JSON.stringify(text)} as "${name}": cannot parse ${JSON.stringify(rest)} as "${each.piece}"`;
    if ("max" in each && (Number(found) > each.max || Number(found) < each.min)) {
      return `parsing time ${JSON.stringify(text)}: ${each.name} out of range`;
    }
    rest = rest.slice(found.length);
  }
  return `parsing time ${JSON.stringify(text)}: ${rest === "" ? "day out of range" : `extra text: ${JSON.stringify(rest)}`}`;
}
