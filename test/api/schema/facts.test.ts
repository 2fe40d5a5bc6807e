import test from "ava";
import { factTypes, types } from "../../../core/api/schema/facts.ts";
import { listTypeOf } from "../../../core/api/schema/list-type.ts";
import type { FieldType } from "../../../core/api/schema/schema.ts";

test("every type of the table can be read, and refers only to types of the table", (t) => {
  const all = types();
  const check = (type: FieldType): void => {
    if (type.kind === "object") t.true(all.has(type.type.name), type.type.name);
    if (type.kind === "list") check(type.items);
    if (type.kind === "map") check(type.values);
  };
  for (const name of all.names()) {
    for (const field of all.get(name).fields.values()) check(field.type);
  }
});

test("within one message no protobuf number comes twice", (t) => {
  for (const name of types().names()) {
    const paths = [...types().get(name).fields.values()].flatMap((field) =>
      field.number === undefined ? [] : [[...(field.within ?? []), field.number].join(".")],
    );
    t.is(new Set(paths).size, paths.length, name);
  }
});

test("keys of list maps are fields of their items", (t) => {
  for (const name of types().names()) {
    for (const field of types().get(name).fields.values()) {
      if (field.type.kind !== "list" || field.type.list.type !== "map") continue;
      const { items, list } = field.type;
      for (const key of list.keys) t.true(items.kind === "object" && items.type.fields.has(key), `${name}.${field.name} ${key}`);
    }
  }
});

const own = factTypes({
  "dev.example.v1": {
    Thing: {
      kind: "- string?",
      parts: "- []Part? map:name patch:merge:name",
      whole: "- Part atomic",
      size: "- *Quantity?",
      mode: "- string~ enum:a%20b|c go:v1.Mode default:\"a b\"",
      labels: "- {}string?+ atomic",
      inner: "2.1 int32",
    },
    Part: { name: "1 string", at: "2 Time?!", next: "3 *Part?" },
  },
});
const field = (type: string, name: string) => own.get(`dev.example.v1.${type}`).fields.get(name);

test("a table of one's own is written in the same words", (t) => {
  t.like(field("Thing", "parts"), {
    type: { kind: "list", list: { type: "map", keys: ["name"] } },
    patchStrategy: "merge",
    patchMergeKey: "name",
    required: false,
    empty: "omit",
  });
  t.like(field("Thing", "whole"), { type: { kind: "object", type: { name: "dev.example.v1.Part", atomic: true } }, empty: "zero" });
  t.like(field("Thing", "mode"), { enum: ["a b", "c"], default: "a b", goType: "v1.Mode", required: false });
  t.like(field("Thing", "labels"), { required: true, type: { kind: "map", atomic: true } });
  t.like(field("Thing", "inner"), { within: [2], number: 1, required: true });
  t.is(field("Thing", "size")?.empty, undefined);
  t.is(field("Part", "at")?.empty, "omit");
  t.is(own.get("dev.example.v1.Part").atomic, false);
});

test("types refer to each other in circles", (t) => {
  const next = field("Part", "next");
  t.true(next?.type.kind === "object" && next.type.type === own.get("dev.example.v1.Part"));
});

test("a name that is not in the table is an error that says so", (t) => {
  t.throws(() => types().get("io.k8s.api.core.v1.Nothing"), { message: /no type "io.k8s.api.core.v1.Nothing"/ });
});

test("the list of a kind without a list in the table is like those in it", (t) => {
  const list = listTypeOf(own.get("dev.example.v1.Thing"));
  const configMaps = types().get("io.k8s.api.core.v1.ConfigMapList");
  t.is(list.name, "dev.example.v1.ThingList");
  t.deepEqual([...list.fields.keys()], [...configMaps.fields.keys()]);
  for (const [name, { number, required, empty }] of configMaps.fields) t.like(list.fields.get(name), { number, required, empty });
  t.is(listTypeOf(types().get("io.k8s.api.core.v1.ConfigMap")), configMaps);
});
