import test from "ava";
import * as fc from "fast-check";
import { MAX_DEPTH, parseJson } from "../../../core/api/schema/parse-json.ts";
import { parseYaml } from "../../../core/api/schema/parse-yaml.ts";
import { ApiError } from "../../../core/api/status.ts";

const strict = { duplicates: true };
const quick = { duplicates: false };

test("both ways of reading give the same value", (t) => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      t.deepEqual(parseJson(text, strict).value, parseJson(text, quick).value);
      t.deepEqual(parseJson(text, strict).value, JSON.parse(text));
    }),
  );
});

test("text that JSON.parse refuses is refused, and no other", (t) => {
  const almost = fc.tuple(fc.json(), fc.nat(), fc.string({ maxLength: 2 })).map(([text, at, insert]) => {
    const position = at % (text.length + 1);
    return text.slice(0, position) + insert + text.slice(position);
  });
  fc.assert(
    fc.property(almost, (text) => {
      let value: unknown;
      let good = true;
      try {
        value = JSON.parse(text);
      } catch {
        good = false;
      }
      if (good) t.deepEqual(parseJson(text, strict).value, value);
      else t.throws(() => parseJson(text, strict), { instanceOf: ApiError });
    }),
  );
});

const syntaxErrors: readonly (readonly [string, string])[] = [
  ["", "unexpected end of JSON input"],
  ["[{", "unexpected end of JSON input"],
  ['{"a":1} x', "invalid character 'x' after top-level value"],
  ["// x", "invalid character '/' looking for beginning of value"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
  ["[1 2]", "invalid character '2' after array element"],
  ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
  ["tru", "unexpected end of JSON input"],
  ["nul!", "invalid character '!' in literal null (expecting 'l')"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
];

for (const [text, message] of syntaxErrors) {
  test(`JSON ${JSON.stringify(text)}: ${message}`, (t) => {
    for (const how of [strict, quick]) t.is(t.throws(() => parseJson(text, how), { instanceOf: ApiError })?.message, message);
  });
}

test("duplicate fields are named by their path, the last one counts", (t) => {
  const { value, problems } = parseJson('{"spec":{"containers":[{"name":"a","name":"b"}]},"spec":{"x":1}}', strict);
  t.deepEqual(problems, ['duplicate field "spec.containers[0].name"', 'duplicate field "spec"']);
  t.deepEqual(value, { spec: { x: 1 } });
});

test("names with escapes are read as they are, whatever was read before", (t) => {
  // what V8 13.6 takes for the second name: the source of the first, cut to its length
  for (const name of ['"', "\n", 'k:{"name":"main"}', 'v:"x"']) {
    const cut = JSON.stringify(name).slice(1, 1 + name.length);
    for (const given of [cut, name]) {
      const text = JSON.stringify({ first: {}, [given]: 1 });
      for (const how of [strict, quick]) t.deepEqual(parseJson(text, how), { value: { first: {}, [given]: 1 }, problems: [] });
    }
  }
});

test("a field called __proto__ is a field and nothing else", (t) => {
  for (const value of [parseJson('{"__proto__":{"polluted":true}}', strict).value, parseYaml("__proto__: {polluted: true}").value]) {
    t.true(Object.hasOwn(value as object, "__proto__"));
    t.is(Object.getPrototypeOf(value), Object.prototype);
  }
});

test("nesting is bounded, in JSON and YAML", (t) => {
  const deep = "[".repeat(MAX_DEPTH * 4) + "]".repeat(MAX_DEPTH * 4);
  for (const parse of [() => parseJson(deep, strict), () => parseJson(deep, quick), () => parseYaml(deep)]) {
    t.throws(parse, { instanceOf: ApiError });
  }
});

test("YAML is read as version 1.1, as kubectl does", (t) => {
  t.deepEqual(parseYaml("a: yes\nb: off\nc: 0777\nd: 1_000\ne: 2020-01-01\nf: ~\ng: 12:30\n1: x\ntrue: z").value, {
    1: "x",
    a: true,
    b: false,
    c: 511,
    d: 1000,
    e: "2020-01-01",
    f: null,
    g: "12:30",
    true: "z",
  });
});

test("YAML anchors and merge keys work, bombs do not", (t) => {
  t.deepEqual(parseYaml("a: &x {c: 1}\nb: {<<: *x, d: 2}").value, { a: { c: 1 }, b: { c: 1, d: 2 } });
  const levels = Array.from({ length: 12 }, (_each, level) => `a${level + 1}: &a${level + 1} [${`*a${level},`.repeat(9)}]`);
  t.throws(() => parseYaml(`a0: &a0 [x]\n${levels.join("\n")}`), { instanceOf: ApiError });
});

test("a duplicate is found whatever texts stand around it, and none where none is", (t) => {
  // quotes, backslashes and colons are what a reader of texts can stumble over
  const word = fc.string({ unit: fc.constantFrom('"', "\\", ":", " ", ",", "{", "}", "a") });
  const distinct = fc.uniqueArray(word, { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(distinct, fc.array(word, { minLength: 6, maxLength: 6 }), fc.nat(5), fc.constantFrom("", " ", "\n\t"), (names, values, twice, space) => {
      const fields = names.map((name, index) => `${JSON.stringify(name)}${space}:${space}${JSON.stringify(values[index])}`);
      t.deepEqual(parseJson(`{"outer":[{${fields.join(",")}}]}`, strict).problems, []);
      const again = names[twice % names.length] ?? "";
      const { problems } = parseJson(`{"outer":[{${[...fields, `${JSON.stringify(again)}:["x",":y"]`].join(",")}}]}`, strict);
      t.deepEqual(problems, [`duplicate field "outer[0].${again}"`]);
    }),
  );
});

test("duplicate keys of YAML are named with their line", (t) => {
  const { value, problems } = parseYaml('apiVersion: v1\ndata: {a: "1"}\ndata: {a: "2"}\n');
  t.deepEqual(problems, ['line 3: key "data" already set in map']);
  t.deepEqual(value, { apiVersion: "v1", data: { a: "2" } });
});

test("only the first YAML document is read, and none is null", (t) => {
  t.deepEqual(parseYaml("a: 1\n---\nb: 2\n").value, { a: 1 });
  t.is(parseYaml("").value, null);
});

test("broken YAML is a BadRequest", (t) => {
  for (const text of ["a: [1", "\tx: 1", "a: b: c", "? {a: b}\n: c", "a: .inf"]) {
    t.is(t.throws(() => parseYaml(text), { instanceOf: ApiError })?.code, 400, text);
  }
});
