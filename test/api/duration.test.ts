import test from "ava";
import { parseDuration } from "../../core/api/duration.ts";

test("Go's durations", (t) => {
  for (const [text, ms] of [["0", 0], ["1s", 1000], ["-1.5s", -1500], ["1h2m3s", 3_723_000], [".5m", 30_000], ["10ms", 10]] as const) t.is(parseDuration(text), ms, text);
});

test("what is none, in Go's words", (t) => {
  for (const [text, message] of [
    ["", 'time: invalid duration ""'],
    ["x", 'time: invalid duration "x"'],
    ["10", 'time: missing unit in duration "10"'],
    ["1d", 'time: unknown unit "d" in duration "1d"'],
    ["1s.", 'time: invalid duration "1s."'],
  ] as const) t.throws(() => parseDuration(text), { message }, text);
});
