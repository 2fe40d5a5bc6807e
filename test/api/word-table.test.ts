/** Words that every JavaScript object knows are no words of a table. */
import test from "ava";
import { parseSelector, SelectorError } from "../../core/api/selector.ts";
import { wordTable } from "../../core/api/word-table.ts";
import { parseSchedule } from "../../core/controllers/cron-schedule.ts";

const INHERITED = ["constructor", "toString", "hasOwnProperty", "__proto__"];

test("a table has its rows and nothing else, and stays as it is", (t) => {
  const table = wordTable({ a: 1 });
  t.is(table["a"], 1);
  for (const word of INHERITED) t.is(table[word], undefined);
  t.throws(() => Object.assign(table, { b: 2 }));
});

for (const word of INHERITED) {
  test(`${word} is neither a schedule nor an operator`, (t) => {
    t.throws(() => parseSchedule(word), { instanceOf: Error, message: /fields/ });
    t.throws(() => parseSelector(`a ${word} (b)`), { instanceOf: SelectorError });
  });
}
