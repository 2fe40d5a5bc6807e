import test from "ava";
import { CONFIG_MAPS, NAMESPACES, ROLES } from "../../core/api/resources.gen.ts";
import { setup } from "./setup.ts";

const at = { namespace: "default", name: "a" };
const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "a" } };

async function world() {
  const { client } = await setup();
  await client.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } });
  return client;
}

test("an empty list that is always shown is read as null, from the answer on", async (t) => {
  const client = await world();
  const made = await client.create(ROLES, { ...role, rules: [] }, { namespace: "default" });
  t.is(made.rules, null as never);
  t.is((await client.get(ROLES, at)).rules, null as never);
  t.deepEqual(made.metadata.managedFields?.map(({ fieldsV1 }) => fieldsV1), [{ "f:rules": {} }], "who wrote it owns it");
});

test("writing the empty list again is no change", async (t) => {
  const client = await world();
  const made = await client.create(ROLES, { ...role, rules: [] }, { namespace: "default" });
  const again = await client.update(ROLES, at, { ...role, rules: [] });
  t.is(again.metadata.resourceVersion, made.metadata.resourceVersion);
});

test("what has no such lists is stored as it is", async (t) => {
  const client = await world();
  const made = await client.create(CONFIG_MAPS, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { k: "v" } }, { namespace: "default" });
  t.deepEqual(made.data, { k: "v" });
});
