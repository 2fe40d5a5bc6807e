import test from "ava";
import fc from "fast-check";
import { isObject, sameJson } from "../../core/api/json.ts";

test("an object is no list, no text and not null", (t) => {
  t.true(isObject({}));
  for (const value of [[], null, undefined, "", 0, true]) t.false(isObject(value));
});

test("the order of fields and fields that are undefined make no difference, all else does", (t) => {
  t.true(sameJson({ a: 1, b: [{ c: null }] }, { b: [{ c: null, d: undefined }], a: 1 }));
  for (const [a, b] of [[{ a: 1 }, { a: 2 }], [{ a: 1 }, { a: 1, b: null }], [[1, 2], [2, 1]], [[], {}], [{ constructor: 1 }, {}], [null, {}], ["1", 1]]) {
    t.false(sameJson(a, b));
    t.false(sameJson(b, a));
  }
  fc.assert(fc.property(fc.jsonValue(), (value) => sameJson(value, JSON.parse(JSON.stringify(value)))));
});
