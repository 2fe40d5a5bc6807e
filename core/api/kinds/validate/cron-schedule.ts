/** Schedules of CronJobs: five fields, or a word that stands for them (crontab(5)). */

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: readonly Bounds[] = [
  { least: 0, most: 59 },
  { least: 0, most: 23 },
  { least: 1, most: 31 },
  { least: 1, most: 12, names: MONTHS },
  { least: 0, most: 6, names: DAYS },
];
const WORDS = new Set(["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"]);
const EVERY = "@every ";

/** What is wrong with a schedule, without a time zone in it; undefined: nothing. */
export function scheduleWrong(text: string): string | undefined {
  const schedule = text.replace(/^(?:CRON_)?TZ=\S*\s*/, "");
  if (schedule === "") return "empty spec string";
  if (schedule.startsWith("@")) return wordWrong(schedule);
  const fields = schedule.trim().split(/\s+/);
  if (fields.length !== FIELDS.length) return `expected exactly ${FIELDS.length} fields, found ${fields.length}: [${fields.join(" ")}]`;
  for (const [index, bounds] of FIELDS.entries()) {
    for (const part of (fields[index] ?? "").split(",").filter((one) => one !== "")) {
      const wrong = partWrong(part, bounds);
      if (wrong !== undefined) return wrong;
    }
  }
  return undefined;
}

function wordWrong(word: string): string | undefined {
  if (WORDS.has(word)) return undefined;
  if (!word.startsWith(EVERY)) return `unrecognized descriptor: ${word}`;
  const duration = word.slice(EVERY.length);
  return /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(duration) ? undefined : `failed to parse duration ${word}: time: invalid duration ${JSON.stringify(duration)}`;
}

function partWrong(part: string, bounds: Bounds): string | undefined {
  const [range = "", step, ...tooMuch] = part.split("/");
  const [low = "", high, ...moreEnds] = range.split("-");
  let [start, end] = [bounds.least, bounds.most];
  if (low !== "*" && low !== "?") {
    if (moreEnds.length > 0) return `too many hyphens: ${part}`;
    const [first, second] = [number(low, bounds), high === undefined ? undefined : number(high, bounds)];
    if (typeof first === "string") return first;
    if (typeof second === "string") return second;
    start = first;
    end = second ?? (step === undefined ? first : bounds.most);
  }
  if (tooMuch.length > 0) return `too many slashes: ${part}`;
  const by = step === undefined ? 1 : number(step, {...bounds, names: []});
  if (typeof by === "string") return by;
  if (start < bounds.least) return `beginning of range (${start}) below minimum (${bounds.least}): ${part}`;
  if (end > bounds.most) return `end of range (${end}) above maximum (${bounds.most}): ${part}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${part}`;
  return by === 0 ? `step of range should be a positive number: ${part}` : undefined;
}

function number(text: string, { names = [], least }: Bounds): number | string {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + least;
  if (!/^[+-]?\d+$/.test(text)) return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
  const value = Number(text);
  return value < 0 ? `negative number (${value}) not allowed: ${text}` : value;
}

/** Whether the platform knows a zone of the IANA database by this name. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
