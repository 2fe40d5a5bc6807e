import test from "ava";
import { sharedFields, textOfFields } from "../../core/registry/managed-fields/shared-fields.ts";

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

test("the text of entries is their JSON, whether their trees are shared or not", (t) => {
  const given = [entry("a"), { manager: "none" }, { fieldsV1: { "f:x": {} } }, { ...entry('"quoted"'), subresource: "status", time: "2026-01-01T00:00:00Z" }];
  for (const entries of [given, sharedFields(given)]) t.deepEqual(JSON.parse(textOfFields(entries)), given);
  t.is(textOfFields([]), "[]");
});
