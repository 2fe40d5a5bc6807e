/**
 * Cron schedules in a time zone: five fields with names, lists, ranges and steps, or one of the @-words
 * (Kubernetes, "CronJob", schedule syntax). Pure: the next moment after a moment.
 *
 * Days are walked in local calendar time and turned into moments with the zone's offset. A local time that a clock
 * change skips is no moment; of a local time that happens twice the first counts.
 */
import { wordTable } from "../api/word-table.ts";
export interface Schedule {
  /** the first moment after `after` (ms since 1970), undefined if there is none within the horizon */
  next(after: number): number | undefined;
}

/** A schedule such as 29 February may wait for years; one such as 30 February waits for ever. */
const HORIZON_DAYS = 366 * 8;
const MINUTE = 60_000;
const DAY = 86_400_000;

const WORDS = wordTable<string>({
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
});
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

interface Field {
  readonly values: ReadonlySet<number>;
  /** "*" or "?": of the two day fields, one that is not restricted leaves the choice to the other */
  readonly any: boolean;
}

/** @throws Error that says what is wrong */
export function parseSchedule(text: string, timeZone = "UTC"): Schedule {
  const every = /^@every (?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text.trim());
  if (every !== null) return everyFrom((Number(every[1] ?? 0) * 60 + Number(every[2] ?? 0)) * 60 + Number(every[3] ?? 0));
  const fields = (WORDS[text.trim()] ?? text).trim().split(/\s+/);
  if (fields.length !== 5) throw new Error(`expected exactly 5 fields, found ${fields.length}: [${text}]`);
  const [minutes = "", hours = "", days = "", months = "", weekdays = ""] = fields;
  const minute = parseField(minutes, 0, 59);
  const hour = parseField(hours, 0, 23);
  const day = parseField(days, 1, 31);
  const month = parseField(months, 1, 12, MONTHS);
  const weekday = parseField(weekdays, 0, 7, DAYS);
  const zone = zoneOf(timeZone);

  const isDay = (local: Date): boolean => {
    if (!month.values.has(local.getUTCMonth() + 1)) return false;
    const byDate = day.values.has(local.getUTCDate());
    const byName = weekday.values.has(local.getUTCDay()) || (local.getUTCDay() === 0 && weekday.values.has(7));
    return day.any || weekday.any ? byDate && byName : byDate || byName;
  };
  const [hoursInOrder, minutesInOrder] = [[...hour.values].toSorted((a, b) => a - b), [...minute.values].toSorted((a, b) => a - b)];

  return {
    next(after) {
      const local = zone.local(after);
      const midnight = local - (((local % DAY) + DAY) % DAY);
      for (let ahead = 0; ahead < HORIZON_DAYS; ahead++) {
        const start = midnight + ahead * DAY;
        if (!isDay(new Date(start))) continue;
        for (const h of hoursInOrder) {
          for (const m of minutesInOrder) {
            const moment = zone.moment(start + h * 60 * MINUTE + m * MINUTE);
            if (moment !== undefined && moment > after) return moment;
          }
        }
      }
      return undefined;
    },
  };
}

function everyFrom(seconds: number): Schedule {
  if (seconds < 1) throw new Error("@every needs a duration of at least a second");
  return { next: (after) => Math.floor(after / 1000) * 1000 + seconds * 1000 };
}

function parseField(text: string, low: number, high: number, names: readonly string[] = []): Field {
  const values = new Set<number>();
  const value = (part: string): number => {
    const named = names.indexOf(part.toLowerCase());
    const number = named >= 0 ? named + (names === MONTHS ? 1 : 0) : /^\d+$/.test(part) ? Number(part) : Number.NaN;
    if (!(number >= low && number <= high)) throw new Error(`"${part}" is not a number from ${low} to ${high}`);
    return number;
  };
  let any = false;
  for (const part of text.split(",")) {
    const [range = "", step] = part.split("/");
    if (step !== undefined && !/^[1-9]\d*$/.test(step)) throw new Error(`"${step}" is not a step`);
    const wild = range === "*" || range === "?";
    any ||= wild && step === undefined;
    const [first = "", last] = range.split("-");
    const from = wild ? low : value(first);
    const to = wild ? high : last === undefined ? (step === undefined ? from : high) : value(last);
    if (from > to) throw new Error(`the range "${range}" ends before it begins`);
    for (let number = from; number <= to; number += Number(step ?? 1)) values.add(number);
  }
  return { values, any };
}

interface Zone {
  /** the wall clock of a moment, written as if it were UTC */
  local(moment: number): number;
  /** the moment of a wall clock; undefined when the clock skips it */
  moment(local: number): number | undefined;
}

function zoneOf(timeZone: string): Zone {
  if (timeZone === "UTC" || timeZone === "Etc/UTC") return { local: (moment) => moment, moment: (local) => local };
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const local = (moment: number): number => {
    const parts = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(parts["year"] ?? 0, (parts["month"] ?? 1) - 1, parts["day"], parts["hour"], parts["minute"], parts["second"]);
  };
  return {
    local,
    moment(wall) {
      // offsets a day before and after cover every change around the wall clock; the earlier moment comes first
      const offsets = [local(wall - DAY) - (wall - DAY), local(wall + DAY) - (wall + DAY)];
      const moments = [...new Set(offsets)].map((offset) => wall - offset).toSorted((a, b) => a - b);
      return moments.find((moment) => local(moment) === wall);
    },
  };
}
