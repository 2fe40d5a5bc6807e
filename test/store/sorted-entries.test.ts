import test from "ava";
import * as fc from "fast-check";
import { sortedEntries } from "../../core/store/sorted-entries.ts";

const keys = ["/a/", "/a/b/", "/a/b/x", "/a/b/y", "/a/c", "/ab/x", "/b/x"];
const prefixes = ["", "/", "/a", "/a/", "/a/b/", "/a/c/", "/ab/", "/b/", "/nothing/"];
const entry = (key: string, revision: number) => ({ key, value: new Uint8Array(), revision, created: 1 });

test("a scan finds what is there at that moment, also where it found nothing before", (t) => {
  const key = fc.constantFrom(...keys);
  const step = fc.oneof(
    fc.record({ set: key }),
    fc.record({ delete: key }),
    fc.record({ scan: fc.constantFrom(...prefixes), after: fc.constantFrom(undefined, "/a/b/x"), limit: fc.constantFrom(undefined, 1) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const entries = sortedEntries();
      const model = new Map<string, number>();
      for (const [at, each] of steps.entries()) {
        if ("set" in each) {
          entries.set(entry(each.set, at));
          model.set(each.set, at);
        } else if ("delete" in each) {
          entries.delete(each.delete);
          model.delete(each.delete);
        } else {
          const found = entries.scan(each.scan, each.after, each.limit);
          const all = [...model].filter(([one]) => one.startsWith(each.scan) && one > (each.after ?? "")).toSorted(([a], [b]) => (a < b ? -1 : 1));
          t.deepEqual(found.entries.map((one) => [one.key, one.revision]), all.slice(0, each.limit ?? all.length));
          t.is(found.remaining, all.length - found.entries.length);
        }
      }
    }),
  );
});
