import test from "ava";
import fc from "fast-check";
import { rankedSet } from "../../core/scheduler/ranked-set.ts";

const operation = fc.oneof(
  fc.record({ set: fc.nat(30), score: fc.integer({ min: -5, max: 5 }) }),
  fc.record({ remove: fc.nat(30) }),
);

test("the top is always the member of highest score, the lowest ordinal among equals", (t) => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const set = rankedSet();
      const model = new Map<number, number>();
      for (const step of operations) {
        if ("set" in step) {
          set.set(step.set, step.score);
          model.set(step.set, step.score);
        } else {
          set.remove(step.remove);
          model.delete(step.remove);
        }
        const expected = [...model].toSorted((a, b) => b[1] - a[1] || a[0] - b[0])[0]?.[0];
        if (set.top() !== expected || set.size !== model.size) return false;
      }
      return true;
    }),
  );
  t.pass();
});
