import test from "ava";
import { parseEnvFile } from "../../edge-agent/env-file.ts";

test("names and values, quoted over several lines, among comments and empty lines", (t) => {
  const text = "# settings\n\nA='one'\nB=two  \n  C='three\nlines # here'\nD=''\nE='a=b' # why\n";
  t.deepEqual([...parseEnvFile(text)], [["A", "one"], ["B", "two"], ["C", "three\nlines # here"], ["D", ""], ["E", "a=b"]]);
});

test("what is no assignment is refused", (t) => {
  t.throws(() => parseEnvFile("A='one'\nnonsense\n"), { message: /invalid line "nonsense"/ });
  t.throws(() => parseEnvFile("A='open\n"), { message: /no closing quote/ });
  t.is(parseEnvFile("").size, 0);
});
