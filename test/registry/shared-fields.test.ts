import test from "ava";
import { sharedFields } from "../../core/registry/managed-fields/shared-fields.ts";

const entry = (manager: string) => ({ manager, operation: "Update", fieldsV1: { "f:spec": { "f:replicas": {} } } }) as const;

test("equal ownership trees of different objects are one tree, and the rest of an entry stays its own", (t) => {
  const [first] = sharedFields([entry("a")]);
  const [second] = sharedFields([entry("b")]);
  t.is(first?.fieldsV1, second?.fieldsV1);
  t.deepEqual(second, entry("b"));
  const [other] = sharedFields([{ ...entry("c"), fieldsV1: { "f:spec": { "f:paused": {} } } }]);
  t.not(other?.fieldsV1, first?.fieldsV1);
});

test("entries whose trees are shared already are handed back as they are", (t) => {
  const entries = sharedFields([entry("a"), { manager: "none" }]);
  t.is(sharedFields(entries), entries);
});
