import test from "ava";
import fc from "fast-check";
import { formatSelector, matchesLabels, parseFieldSelector, parseSelector, selectorOf, validateLabelSelector } from "../../core/api/selector.ts";

const matches = (selector: string, labels: { readonly [key: string]: string } | undefined) => matchesLabels(parseSelector(selector), labels);

test("requirements hold as Kubernetes says", (t) => {
  const labels = { app: "web", tier: "a", n: "5" };
  for (const text of ["", "app=web", "app==web", " app = web ", "app!=x", "app in (web,db)", "none notin (a)", "app", "!none", "app=web,tier in (a)", "n>4", "n<6", "none!=x"]) {
    t.true(matches(text, labels), text);
  }
  for (const text of ["app=x", "app!=web", "none in (a)", "none", "!app", "n>5", "app>1", "app in ()"]) t.false(matches(text, labels), text);
  t.true(matches("!app", undefined));
  t.false(matches("toString", {}), "no property of every object is a label");
});

test("mistakes are named", (t) => {
  const cases = [
    ["=", "found '=', expected: !, identifier, or 'end of string'"],
    ["n=a=b", "found '=', expected: ',' or 'end of string'"],
    ["a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ["n in a", "unable to parse requirement: found 'a' expected: '('"],
    ["n in (a b)", "unable to parse requirement: found 'b', expected: ',' or ')'"],
    ["a,", "found '', expected: identifier after ','"],
    ["n>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"],
  ] as const;
  for (const [text, message] of cases) t.throws(() => parseSelector(text), { message }, text);
});

const key = fc.constantFrom("a", "b", "x.io/c");
const value = fc.constantFrom("1", "2", "3");
const requirement = fc.oneof(
  fc.record({ key, operator: fc.constantFrom("In", "NotIn"), values: fc.uniqueArray(value, { minLength: 1 }) }),
  fc.record({ key, operator: fc.constantFrom("Exists", "DoesNotExist"), values: fc.constant([]) }),
);

test("the text of a selector means the same as its object", (t) => {
  fc.assert(
    fc.property(fc.array(requirement, { maxLength: 3 }), fc.dictionary(key, value), (matchExpressions, labels) => {
      const selector = selectorOf({ matchExpressions });
      t.is(matchesLabels(parseSelector(formatSelector({ matchExpressions })), labels), matchesLabels(selector, labels));
    }),
  );
});

test("labels are written as equal, expressions as they are", (t) => {
  t.is(formatSelector({ matchLabels: { b: "1" }, matchExpressions: [{ key: "b", operator: "In", values: ["2"] }, { key: "a", operator: "NotIn", values: ["x"] }] }), "a notin (x),b=1,b in (2)");
});

test("a selector object is checked field by field", (t) => {
  const errors = validateLabelSelector({ matchLabels: { "a b": "c" }, matchExpressions: [{ key: "a", operator: "In" }, { key: "a", operator: "Exists", values: ["x"] }, { key: "a", operator: "Like" }] }, "spec.selector");
  t.deepEqual(errors.map(({ field }) => field), [
    "spec.selector.matchLabels",
    "spec.selector.matchExpressions[0].values",
    "spec.selector.matchExpressions[1].values",
    "spec.selector.matchExpressions[2].operator",
  ]);
});

test("field selectors with escapes", (t) => {
  t.deepEqual(parseFieldSelector("metadata.name=a,status.phase!=Run\\,ning"), [
    { path: "metadata.name", equal: true, value: "a" },
    { path: "status.phase", equal: false, value: "Run,ning" },
  ]);
  t.deepEqual(parseFieldSelector("spec.nodeName="), [{ path: "spec.nodeName", equal: true, value: "" }]);
  t.throws(() => parseFieldSelector("metadata.name"), { message: "invalid selector: 'metadata.name'; can't understand 'metadata.name'" });
  t.throws(() => parseFieldSelector("metadata.name=a\\x"), { message: "invalid field selector: invalid escape sequence: \\x" });
  t.throws(() => parseFieldSelector("metadata.name=a=b"), { message: "invalid field selector: unescaped character in value: 61" });
  t.deepEqual(parseFieldSelector("metadata.name=b,,metadata.name!=a").map((each) => each.value), ["a", "b"]);
});
