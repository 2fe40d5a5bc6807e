import test from "ava";
import fc from "fast-check";
import { addQuantities, compareQuantities, formatQuantity, milliValue, parseQuantity, QuantityError, wholeValue } from "../../core/api/quantity.ts";

const canonical = (text: string) => formatQuantity(parseQuantity(text));

test("the canonical form has no fraction and the largest suffix", (t) => {
  const cases: Readonly<Record<string, string>> = {
    "0": "0",
    "0.5": "500m",
    "1000m": "1",
    "1500m": "1500m",
    "1024Ki": "1Mi",
    "1.5Gi": "1536Mi",
    "0.5Ki": "512",
    "1000k": "1M",
    "1e3": "1e3",
    "12e2": "1200",
    "+5": "5",
    "-1.5": "-1500m",
    ".5": "500m",
    "5.": "5",
    "100Mi": "100Mi",
    "0.0000000001": "1n",
  };
  for (const [text, expected] of Object.entries(cases)) t.is(canonical(text), expected, text);
});

test("values round up", (t) => {
  t.is(milliValue(parseQuantity("1")), 1000);
  t.is(milliValue(parseQuantity("100u")), 1);
  t.is(wholeValue(parseQuantity("1m")), 1);
  t.is(wholeValue(parseQuantity("1Gi")), 2 ** 30);
});

test("what is no quantity is refused", (t) => {
  for (const text of ["", "abc", "1.2.3", "1Kx", "1 Gi", "Gi", "--1", "1e", "."]) t.throws(() => parseQuantity(text), { instanceOf: QuantityError }, text);
});

test("a canonical form means the same and is its own canonical form", (t) => {
  const amount = fc.tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.constantFrom("n", "u", "m", "", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "e-3"));
  fc.assert(
    fc.property(amount, amount, ([a, unitA], [b, unitB]) => {
      const x = parseQuantity(`${a}${unitA}`);
      const y = parseQuantity(`${b}${unitB}`);
      t.is(compareQuantities(parseQuantity(formatQuantity(x)), x), 0);
      t.is(canonical(formatQuantity(x)), formatQuantity(x));
      t.is(addQuantities(x, y).nanos, x.nanos + y.nanos);
    }),
  );
});
