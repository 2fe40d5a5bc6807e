/** Lists are all alike: the type of a kind's list follows from the kind's, so that no table has to hold it. */
import { types } from "./facts.ts";
import type { Field, FieldType, ObjectType } from "./schema.ts";

const string: FieldType = { kind: "scalar", scalar: "string" };

/** "io.k8s.api.core.v1.PodList" for the type of a pod; works for custom resources too. */
export function listTypeOf(item: ObjectType): ObjectType {
  const name = `${item.name}List`;
  if (types().has(name)) return types().get(name);
  const listMeta = types().get("io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta");
  const fields: readonly Field[] = [
    { name: "kind", type: string, number: undefined, required: false, empty: "omit" },
    { name: "apiVersion", type: string, number: undefined, required: false, empty: "omit" },
    { name: "metadata", type: { kind: "object", type: listMeta }, number: 1, required: false, empty: "zero" },
    {
      name: "items",
      type: { kind: "list", items: { kind: "object", type: item }, list: { type: "atomic", implied: true } },
      number: 2,
      required: true,
      empty: "null",
    },
  ];
  return { name, fields: new Map(fields.map((field) => [field.name, field])), atomic: false, preserveUnknown: false };
}
