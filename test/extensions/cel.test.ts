import test from "ava";
import { celEnvironment } from "../../core/extensions/cel/environment.ts";
import { CompileError, CostError } from "../../core/extensions/cel/errors.ts";
import { compile } from "../../core/extensions/cel/program.ts";
import { toCel } from "../../core/extensions/cel/values.ts";
import { mapLiterals } from "../../core/extensions/policies/messages.ts";

const environment = celEnvironment().registerVariable("object", "dyn").registerVariable("self", "int");
const object = { n: 1, f: 1.5, s: "abc", l: [3, 1, 2], m: { a: 1 } };
const run = (expression: string) => compile(environment, expression).run({ object: toCel(object), self: 5n });

for (const expression of [
  "ip('192.168.0.1').family() == 4 && isIP('::1') && !isIP('1.2.3') && !ip.isCanonical('::0:1') && string(ip('2001:db8:0::1')) == '2001:db8::1'",
  "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsCIDR('0.0.0.0/0') && string(cidr('10.1.2.3/8').masked()) == '10.0.0.0/8'",
  "quantity('1Gi').compareTo(quantity('1024Mi')) == 0 && quantity('1').add(2).asInteger() == 3 && !isQuantity('x') && quantity('500m').isLessThan(quantity('1'))",
  "url('https://a.b:80/x?y=1&y=2').getHost() == 'a.b:80' && url('https://a.b:80/x?y=1&y=2').getQuery()['y'] == ['1', '2'] && !isURL('../x')",
  "'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'abc'.find('b.') == 'bc' && 'ABC'.matches('(?i)^abc$')",
  "[1, 2, 3].sum() == 6 && object.l.max() == 3 && !object.l.isSorted() && ['a', 'b'].indexOf('b') == 1",
  "sets.contains([1, 2], [2]) && sets.equivalent([1, 2, 2], [2, 1]) && !sets.intersects([1], [2])",
  "!format.dns1123Label().validate('a').hasValue() && format.dns1123Label().validate('A').hasValue() && !format.named('nothing').hasValue()",
  "semver('1.2.3').isLessThan(semver('1.10.0')) && isSemver('v1.2', true) && !isSemver('v1.2') && semver('1.0.0-rc.2').isLessThan(semver('1.0.0'))",
  "'%s has %d of %.2f'.format(['x', 3, 1.5]) == 'x has 3 of 1.50'".replace("['x', 3, 1.5]", "[dyn('x'), dyn(3), dyn(1.5)]"),
  "object.?none.orValue('q') == 'q' && object.n < 1.5 && object.f > 1 && has(object.m.a) && !has(object.m.b)",
  "!has([object][0].none) && has([object.m][0].a) && [object].all(each, has(each.m.a)) && !has(object.?none.a)",
  "optional.of(1) == optional.of(1) && optional.of(1) != optional.none() && optional.of(1) != null",
]) {
  test(`library: ${expression.slice(0, 60)}`, (t) => t.is(run(expression), true));
}

for (const [expression, message] of [
  ["self == 'x'", "ERROR: <input>:1:6: found no matching overload for '_==_' applied to '(int, string)'\n | self == 'x'\n | .....^"],
  ["other == 1", "ERROR: <input>:1:1: undeclared reference to 'other' (in container '')\n | other == 1\n | ^"],
  ["self.", "ERROR: <input>:1:6: Syntax error: no viable alternative at input '.'\n | self.\n | .....^"],
  ["true &&\nnone(1)", "ERROR: <input>:2:5: undeclared reference to 'none' (in container '')\n | none(1)\n | ....^"],
] as const) {
  test(`an error says what is wrong and where: ${expression}`, (t) => t.is(t.throws(() => compile(environment, expression), { instanceOf: CompileError })?.message, message));
}

test("what does not come to an end is stopped, also behind an alternative", (t) => {
  const nested = "abcdefghijklmn".split("").reduceRight((body, name) => `object.l.map(${name}, ${body})`, "1");
  t.throws(() => run(`size(${nested}) > 0`), { instanceOf: CostError });
  t.throws(() => run(`size(${nested}) > 0 || true`), { instanceOf: CostError });
});

test("a pattern that makes others backtrack for ever does not", (t) => {
  t.is(compile(environment, `'${"a".repeat(60)}b'.matches('^(a+)+$')`).run({}), false);
});

test("what RE2 does not have is refused by name", (t) => {
  t.throws(() => run("'x'.matches('(?' + '=a)')"), { message: "error parsing regexp: invalid or unsupported Perl syntax: `(?=`" });
});

test("messages are maps with texts for field names", (t) => {
  t.is(mapLiterals('Object{metadata: Object.metadata{labels: {"a": "b{", c: d}}, spec: [Object.spec.x{a__dash__b: 1}]}').expression, '{"metadata": {"labels": {"a": "b{", c: d}}, "spec": [{"a-b": 1}]}');
});
