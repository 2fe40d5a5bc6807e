import test from "ava";
import { internalForm, internalTemplate } from "../../../../core/api/kinds/validate/internal-form.ts";
import { internalTypes } from "../../../../core/api/kinds/validate/internal-types.ts";

test("every type that another one names is in the table", (t) => {
  const scalars = new Set(["s", "n", "b", "q", "map", "selector?"]);
  for (const [type, fields] of Object.entries(internalTypes)) {
    for (const field of fields.split(" ")) {
      const named = field.startsWith("+") ? field.slice(1) : field.split(":")[1];
      if (named === undefined || named === "metadata" || scalars.has(named)) continue;
      const below = named.replace(/^\[\]/, "").replace(/\?$/, "");
      t.truthy(internalTypes[below], `${type} → ${below}`);
    }
  }
});

test("zeros stand for what is absent, maps and metadata are in order", (t) => {
  t.deepEqual(internalForm("ObjectReference", { name: "n" }), { Kind: "", Namespace: "", Name: "n", UID: "", APIVersion: "", ResourceVersion: "", FieldPath: "" });
  t.is(JSON.stringify(internalForm("Flex", { options: { b: "1", a: "2" } })), '{"Driver":"","FSType":"","SecretRef":null,"ReadOnly":false,"Options":{"a":"2","b":"1"}}');
  t.is(JSON.stringify(internalForm("CinderPersistent", { secretRef: { name: "s" } })), '{"VolumeID":"","FSType":"","ReadOnly":false,"SecretRef":{"Name":"s","Namespace":""}}');
  const template = internalTemplate({ metadata: { annotations: { b: "" }, labels: { y: "1", x: "2" }, name: "" } });
  t.deepEqual(Object.keys(template), ["labels", "annotations", "Spec"]);
  t.is(JSON.stringify(template["labels"]), '{"x":"2","y":"1"}');
});

test("what is embedded stands among the fields", (t) => {
  const spec = internalForm("PersistentVolumeSpec", { accessModes: ["ReadWriteOnce"], local: { path: "/x" } });
  t.is(Object.keys(spec)[0], "Capacity");
  t.deepEqual(spec["Local"], { Path: "/x", FSType: null });
  t.is(spec["CSI"], null);
  t.deepEqual(internalForm("ResourceClaimTemplateSpec", { metadata: { labels: { a: "b" } }, spec: {} }), {
    labels: { a: "b" },
    Spec: { Devices: { Requests: null, Constraints: null, Config: null } },
  });
});
