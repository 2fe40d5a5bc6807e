import test from "ava";
import { builtinKinds } from "../../core/api/kinds/built-in.ts";
import { codecOf } from "../../core/registry/codec.ts";

const NAME = 'k:{"type":"Ready"}';
/** what V8 13.6 takes for that name when it has read this one: its source, cut to its length */
const CUT = JSON.stringify(NAME).slice(1, 1 + NAME.length);

test("owners of list elements are read as they were written, whatever was read before", (t) => {
  const kind = builtinKinds().find(({ plural }) => plural === "configmaps");
  if (kind === undefined) return t.fail();
  const codec = codecOf(kind, { freeze: false });
  const object = (name: string) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a", managedFields: [{ manager: "m", fieldsV1: { "f:status": { "f:conditions": { ".": {}, [name]: {} } } } }] },
  });
  for (const name of [CUT, NAME]) {
    const { metadata } = codec.decode({ key: name, value: codec.encode(object(name)), revision: 1, created: 1 });
    t.deepEqual(metadata.managedFields, object(name).metadata.managedFields);
  }
});
