import test from "ava";
import { goRegExp, RegExpError } from "../../core/extensions/go-regexp.ts";

const matches: readonly (readonly [pattern: string, yes: readonly string[], no: readonly string[]])[] = [
  ["^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", ["a", "a-b"], ["-", "A"]],
  ["^[\\w-.]+$", ["a-b.c_"], ["a b"]],
  ["(?i)^ab[c-e]x\\z", ["ABDx", "abcX"], ["abfx", "abcx\n"]],
  ["^[[:alpha:]]+$", ["aB"], ["a1"]],
  ["^\\pL{2}$", ["äß"], ["a1"]],
  ["a{,2}", ["a{,2}"], ["aa"]],
  ["^(?P<year>\\d{4})-\\Qa.b\\E$", ["2024-a.b"], ["2024-axb"]],
  ["^a\\_b\\-c\\/d$", ["a_b-c/d"], ["a-b"]],
  ["^(?i)(abort|warn)?$", ["ABORT", "", "Warn"], ["no"]],
  ["^(a(?i)b)c$", ["aBc", "abc"], ["Abc", "aBC"]],
  ["^a(?s).b$", ["a\nb"], ["ab"]],
  ["(?s)a.b", ["a\nb"], ["ab"]],
];

for (const [pattern, yes, no] of matches) {
  test(`as in Go: ${pattern}`, (t) => {
    const expression = goRegExp(pattern);
    t.deepEqual(yes.filter((text) => !expression.test(text)), []);
    t.deepEqual(no.filter((text) => expression.test(text)), []);
  });
}

for (const pattern of ["(?=a)", "(?<!a)b", "(a)\\1", "[a", "a\\"]) {
  test(`refused as in Go: ${pattern}`, (t) => {
    t.throws(() => goRegExp(pattern), { instanceOf: RegExpError, message: /^error parsing regexp: / });
  });
}
