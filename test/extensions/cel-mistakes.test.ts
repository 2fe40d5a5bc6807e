/** The words and places are cel-go's: who writes an expression for Kubernetes knows them. */
import test from "ava";
import { celEnvironment } from "../../core/extensions/cel/environment.ts";
import { CompileError } from "../../core/extensions/cel/errors.ts";
import { compile } from "../../core/extensions/cel/program.ts";
import { syntaxErrors } from "../../core/extensions/cel/syntax-errors.ts";
import { namedMessages } from "../../core/extensions/policies/messages.ts";

const OPERAND = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

const mistakes: readonly (readonly [expression: string, ...found: readonly (readonly [column: number, text: string])[]])[] = [
  ["a.b > > 1", [7, `extraneous input '>' expecting ${OPERAND}`]],
  ["a >", [4, `mismatched input '<EOF>' expecting ${OPERAND}`]],
  ["*", [1, `mismatched input '*' expecting ${OPERAND}`], [2, `mismatched input '<EOF>' expecting ${OPERAND}`]],
  ["!", [2, `extraneous input '<EOF>' expecting ${OPERAND}`]],
  ["-", [2, "no viable alternative at input '-'"], [2, `mismatched input '<EOF>' expecting ${OPERAND}`]],
  ["../x", [2, "no viable alternative at input '..'"]],
  ["a..b", [3, "no viable alternative at input '..'"]],
  ["a.true", [3, "mismatched input 'true' expecting IDENTIFIER"]],
  ["a b", [3, "extraneous input 'b' expecting <EOF>"]],
  ["a b c", [3, "mismatched input 'b' expecting <EOF>"]],
  ["(a", [3, "missing ')' at '<EOF>'"]],
  ["f(a", [4, "missing ')' at '<EOF>'"]],
  ["a.f(", [5, `mismatched input '<EOF>' expecting ${OPERAND.replace("'(',", "'(', ')',")}`]],
  ["a[]", [3, `mismatched input ']' expecting ${OPERAND.replace("'!',", "'!', '?',")}`]],
  ["[1, 2", [6, "mismatched input '<EOF>' expecting {']', ','}"]],
  ["[1,, 2]", [4, "mismatched input ',' expecting ']'"]],
  ["[1 2]", [4, "extraneous input '2' expecting {']', ','}"]],
  ["{'a' 1}", [6, "missing ':' at '1'"]],
  ["{'a': 1,,}", [9, "extraneous input ',' expecting '}'"]],
  ["a ? b", [6, "mismatched input '<EOF>' expecting ':'"]],
  ["a ? : 1", [5, `extraneous input ':' expecting ${OPERAND}`], [8, "mismatched input '<EOF>' expecting ':'"]],
  ["a = 1", [3, "token recognition error at: '= '"], [5, "extraneous input '1' expecting <EOF>"]],
  ["a &&& b", [5, "token recognition error at: '& '"]],
  ["a == 'x", [6, "token recognition error at: ''x'"], [8, `mismatched input '<EOF>' expecting ${OPERAND}`]],
  [String.raw`'\q'`, [1, String.raw`token recognition error at: ''\q'`], [4, "token recognition error at: '''"], [5, `mismatched input '<EOF>' expecting ${OPERAND}`]],
  ["10.0.0.1", [5, "mismatched input '.0' expecting <EOF>"]],
  ["a.?", [4, "mismatched input '<EOF>' expecting {IDENTIFIER, ESC_IDENTIFIER}"]],
];

for (const [expression, ...found] of mistakes) {
  test(`the syntax of ${expression}`, (t) => {
    const syntax = syntaxErrors(expression).filter(({ text }) => text.startsWith("Syntax error: "));
    t.deepEqual(syntax.map(({ text, at }) => [at + 1, text.replace("Syntax error: ", "")]), found.map((one) => [...one]));
  });
}

for (const expression of [
  "a.b.c == 'x' && d[0] > -1", "has(a.b) ? a.b : [1, 2, 3,].size() > 2u", "x.all(k, k.startsWith('a') || !(k in ['b', r'\\d']))", "{'a': 1, ?b: c,}['a'] + -(2 - 3) * 4.5e3",
  "Foo{a: 1, b: Bar.Baz{c: --d}}.?e[?0]", ".a.`b/c`.f(g())", "'''a\n'b''' + \"\\u00e9\\x20\" + b'x' // end",
]) {
  test(`nothing is wrong with the syntax of ${expression}`, (t) => t.deepEqual(syntaxErrors(expression), []));
}

test("whatever is written, looking for mistakes comes to an end", (t) => {
  const pieces = ["(", "[", "{", ")", "]", "}", ".", "?", ":", ",", "!", "-", "a", "1", "'", "\\", "é", "😀", "&", "|", " ", "\n", "in", "`", "0x", "1e"];
  for (let seed = 1; seed < 3000; seed++) {
    let state = seed;
    const expression = Array.from({ length: 1 + (seed % 40) }, () => pieces[(state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) % pieces.length]).join("");
    for (const { at } of syntaxErrors(expression)) t.true(at >= 0 && at <= expression.length);
  }
  t.throws(() => compile(celEnvironment(), "(".repeat(10_000)), { instanceOf: CompileError });
});

const types: readonly (readonly [expression: string, message: string])[] = [
  ["foo && bar.x", "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo && bar.x\n | ^\nERROR: <input>:1:8: undeclared reference to 'bar' (in container '')\n | foo && bar.x\n | .......^"],
  ["[1].all(x)", "ERROR: <input>:1:8: undeclared reference to 'all' (in container '')\n | [1].all(x)\n | .......^\nERROR: <input>:1:9: undeclared reference to 'x' (in container '')\n | [1].all(x)\n | ........^"],
  ["true && 1", "ERROR: <input>:1:9: expected type 'bool' but found 'int'\n | true && 1\n | ........^"],
  ["size()", "ERROR: <input>:1:5: found no matching overload for 'size' applied to '()'\n | size()\n | ....^"],
  ["'é'.matches('[')", "ERROR: <input>:1:13: invalid matches argument\n | 'é'.matches('[')\n | .．..........^"],
  ["duration('x')", "ERROR: <input>:1:10: invalid duration argument\n | duration('x')\n | .........^"],
  ["timestamp('2020-01-01')", "ERROR: <input>:1:11: invalid timestamp argument\n | timestamp('2020-01-01')\n | ..........^"],
  ["9223372036854775808", "ERROR: <input>:1:1: invalid int literal\n | 9223372036854775808\n | ^"],
  ["v1.Pod{}", "ERROR: <input>:1:7: undeclared reference to 'v1.Pod' (in container '')\n | v1.Pod{}\n | ......^"],
  ["has(true)", "ERROR: <input>:1:5: invalid argument to has() macro\n | has(true)\n | ....^"],
  ["é", `ERROR: <input>:1:1: Syntax error: token recognition error at: 'é'\n | é\n | ＾\nERROR: <input>:1:2: Syntax error: mismatched input '<EOF>' expecting ${OPERAND}\n | é\n | ．^`],
  ["", `ERROR: <input>:1:0: Syntax error: mismatched input '<EOF>' expecting ${OPERAND}`],
];

for (const [expression, message] of types) test(`what is wrong with ${JSON.stringify(expression)}`, (t) => void t.throws(() => compile(celEnvironment(), expression), { instanceOf: CompileError, message }));

test("messages are names with a type", (t) => {
  const { expression, types: named } = namedMessages("c ? Object{a: Object.a{b: '}'}} : [JSONPatch{op: 'x'}][0]");
  t.is(expression, "c ? k8s_message_Object : [k8s_message_JSONPatch][0]");
  t.deepEqual([...named], [["k8s_message_Object", "Object"], ["k8s_message_JSONPatch", "JSONPatch"]]);
});
