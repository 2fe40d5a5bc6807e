import test from "ava";
import { warningHeaders } from "../../core/http/warnings.ts";

test("each text once, quoted, in UTF-8; what no header can carry is left out", (t) => {
  t.deepEqual(warningHeaders(["a", 'q "x" \\', "a", "", "two\nlines"]), ['299 - "a"', '299 - "q \\"x\\" \\\\"']);
  t.is(Buffer.from(warningHeaders(["ü €"])[0] ?? "", "latin1").toString(), '299 - "ü €"');
});

test("too much text is cut, each for itself and then all", (t) => {
  t.is(warningHeaders(["x".repeat(4000)])[0]?.length, 4000 + '299 - ""'.length);
  const many = warningHeaders(Array.from({ length: 40 }, (_, index) => `${index} ${"y".repeat(400)}`));
  t.is(many.length, 16);
  t.true(many.every((each) => each.length === 256 + '299 - ""'.length));
});
