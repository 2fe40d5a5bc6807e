import test from "ava";
import * as fc from "fast-check";
import { canonicalQuantity } from "../../../core/api/schema/quantity-text.ts";
import { canonicalTime } from "../../../core/api/schema/time-text.ts";
import { ApiError } from "../../../core/api/status.ts";

const quantities: readonly (readonly [string, string])[] = [
  ["0", "0"],
  ["0Ki", "0"],
  ["1024Mi", "1Gi"],
  ["0.5", "500m"],
  ["1000", "1k"],
  ["1.5Gi", "1536Mi"],
  ["0.5Ki", "512"],
  ["1.1Ki", "1127"],
  ["100m", "100m"],
  ["-0.25", "-250m"],
  ["1e3", "1e3"],
  ["1500e-3", "1500e-3"],
  ["1E", "1E"],
  ["0.1n", "1n"],
  [".5", "500m"],
  ["1000m", "1"],
  ["5000", "5k"],
  ["10Ei", "9223372036854775807"],
  // what Kubernetes takes for canonical at a glance stays as written
  ["5.", "5."],
  ["+1", "+1"],
  ["01", "01"],
  ["1.500", "1.500"],
  ["1.5", "1500m"],
  ["0.500", "500m"],
  ["12Ki", "12Ki"],
  ["8Ki", "8Ki"],
  ["100e300", "100e300"],
  ["9223372036854775808", "9223372036854775808"],
];

for (const [text, canonical] of quantities) {
  test(`quantity ${text} is stored as ${canonical}`, (t) => {
    t.is(canonicalQuantity(text), canonical);
    t.is(canonicalQuantity(canonical), canonical);
  });
}

test("what is no quantity is refused", (t) => {
  for (const text of ["", "abc", "1 Gi", "1.2.3", "--1", "1KiB", "0x1", "1,5", "9".repeat(1000)]) {
    t.throws(() => canonicalQuantity(text), { instanceOf: ApiError }, text);
  }
});

test("the canonical form of any quantity is its own canonical form", (t) => {
  const suffix = fc.constantFrom("", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e2", "E-5");
  fc.assert(
    fc.property(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.nat(999), suffix, (whole, fraction, unit) => {
      const canonical = canonicalQuantity(`${whole}.${fraction}${unit}`);
      t.is(canonicalQuantity(canonical), canonical);
    }),
  );
});

test("times are stored in UTC, in seconds or microseconds", (t) => {
  t.is(canonicalTime("2020-01-01T00:30:00+01:00", false), "2019-12-31T23:30:00Z");
  t.is(canonicalTime("2020-01-01T00:00:00.987Z", false), "2020-01-01T00:00:00Z");
  t.is(canonicalTime("2020-01-01T00:00:00.123456+01:00", true), "2019-12-31T23:00:00.123456Z");
  t.throws(() => canonicalTime("2020-01-01T00:00:00Z", true), { message: 'parsing time "2020-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"' });
  t.throws(() => canonicalTime("2020-01-01T00:00:00.1234567Z", true), { message: 'parsing time "2020-01-01T00:00:00.1234567Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "7Z" as "Z07:00"' });
});

const badTimes: readonly (readonly [string, string])[] = [
  ["yesterday", 'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"'],
  ["2020-01-01", 'parsing time "2020-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'],
  ["2020-13-01T00:00:00Z", 'parsing time "2020-13-01T00:00:00Z": month out of range'],
  ["2023-02-29T00:00:00Z", 'parsing time "2023-02-29T00:00:00Z": day out of range'],
  ["2020-01-01T00:00:00Zx", 'parsing time "2020-01-01T00:00:00Zx": extra text: "x"'],
];

for (const [text, message] of badTimes) {
  test(`time ${text} is refused`, (t) => {
    t.is(t.throws(() => canonicalTime(text, false), { instanceOf: ApiError })?.message, message);
  });
}
