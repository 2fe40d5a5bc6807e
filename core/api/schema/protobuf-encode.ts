/**
 * JSON value of an object to its protobuf message: fields from the highest number to the lowest, because the writer goes
 * from the end of the message to its beginning.
 */
import { isObject } from "../json.ts";
import { wordTable } from "../word-table.ts";
import { types } from "./facts.ts";
import { FIXED64, part, type Plan, planOf, VARINT } from "./protobuf-plan.ts";
import type { Writer } from "./protobuf-writer.ts";
import type { FieldType, ObjectType } from "./schema.ts";
import type { JsonObject } from "../json.ts";

/** Writes the fields of the message before what `writer` holds. */
export function encodeMessage(writer: Writer, type: ObjectType, object: JsonObject): void {
  writeFields(writer, planOf(type), object);
}

function writeFields(writer: Writer, plan: Plan, object: JsonObject): void {
  for (const entry of plan.descending) {
    if ("embedded" in entry) {
      const before = writer.length;
      writeFields(writer, entry.embedded, object);
      writer.close(entry.number, before);
      continue;
    }
    const value = Object.hasOwn(object, entry.field.name) ? object[entry.field.name] : undefined;
    if (value !== undefined && value !== null) writeField(writer, entry.number, entry.field.type, value);
    else if (entry.always) writeValue(writer, entry.number, entry.field.type, undefined);
  }
}

function writeField(writer: Writer, number: number, type: FieldType, value: unknown): void {
  if (type.kind === "list" && Array.isArray(value)) {
    for (const each of value.toReversed()) writeValue(writer, number, type.items, each);
  } else if (type.kind === "map" && isObject(value)) {
    for (const key of Object.keys(value).toSorted((a, b) => (a < b ? 1 : -1))) {
      const before = writer.length;
      writeValue(writer, part.mapValue, type.values, value[key]);
      writeText(writer, part.mapKey, key);
      writer.close(number, before);
    }
  } else writeValue(writer, number, type, value);
}

function writeText(writer: Writer, number: number, text: string): void {
  const before = writer.length;
  writer.text(text);
  writer.close(number, before);
}

function writeNumber(writer: Writer, number: number, value: number): void {
  writer.varint(value);
  writer.tag(number, VARINT);
}

/** One value; undefined and null are the zero value of the type. */
function writeValue(writer: Writer, number: number, type: FieldType, value: unknown): void {
  if (type.kind === "scalar") {
    writeScalar(writer, number, type.scalar, value);
    return;
  }
  const before = writer.length;
  if (type.kind === "object") writeFields(writer, planOf(type.type), isObject(value) ? value : {});
  else if (type.kind === "special") writeSpecial(writer, type, value);
  else if (type.kind === "list") writeField(writer, part.items, type, value ?? []);
  writer.close(number, before);
}

function writeScalar(writer: Writer, number: number, scalar: (FieldType & { kind: "scalar" })["scalar"], value: unknown): void {
  switch (scalar) {
    case "string":
      writeText(writer, number, typeof value === "string" ? value : "");
      return;
    case "bytes": {
      const before = writer.length;
      writer.raw(Buffer.from(typeof value === "string" ? value : "", "base64"));
      writer.close(number, before);
      return;
    }
    case "boolean":
      writeNumber(writer, number, value === true ? 1 : 0);
      return;
    case "int32":
    case "int64":
      writeNumber(writer, number, typeof value === "number" ? Math.trunc(value) : 0);
      return;
    case "double":
      writer.double(typeof value === "number" ? value : 0);
      writer.tag(number, FIXED64);
  }
}

function writeSpecial(writer: Writer, type: FieldType & { kind: "special" }, value: unknown): void {
  switch (type.special) {
    case "Quantity":
      writeText(writer, part.quantity, typeof value === "string" ? value : "0");
      return;
    case "IntOrString":
      writeText(writer, part.intOrStringText, typeof value === "string" ? value : "");
      writeNumber(writer, part.intOrStringInt, typeof value === "number" ? value : 0);
      writeNumber(writer, part.intOrStringType, typeof value === "string" ? 1 : 0);
      return;
    case "Time":
    case "MicroTime":
      if (typeof value === "string") writeTime(writer, value);
      return;
    case "Duration":
      writeNumber(writer, part.duration, typeof value === "string" ? nanosecondsOf(value) : 0);
      return;
    case "FieldsV1":
    case "RawExtension":
      if (value !== undefined && value !== null) writeText(writer, part.raw, JSON.stringify(value));
      return;
    case "JSON":
      if (type.model === undefined) writeText(writer, part.raw, JSON.stringify(value ?? null));
      else writeEither(writer, type.model, value);
  }
}

const nanoseconds = wordTable<number>({ ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 });

/** of a Go duration, "1h2m3.5s" */
function nanosecondsOf(text: string): number {
  let sum = 0;
  for (const [, amount, unit = ""] of text.matchAll(/([\d.]+)([a-zµ]+)/g)) sum += Number(amount) * (nanoseconds[unit] ?? 0);
  return Math.round(text.startsWith("-") ? -sum : sum);
}

function writeTime(writer: Writer, text: string): void {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? "";
  writeNumber(writer, part.nanos, Number(fraction.padEnd(9, "0").slice(0, 9)));
  writeNumber(writer, part.seconds, Math.floor(Date.parse(text) / 1000));
}

const schemaModel = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

function writeEither(writer: Writer, model: string, value: unknown): void {
  const schema: FieldType = { kind: "object", type: types().get(schemaModel) };
  if (model === "JSONSchemaPropsOrBool") {
    // Go keeps "allows" true beside a schema
    if (isObject(value)) writeValue(writer, 2, schema, value);
    writeNumber(writer, 1, value === false ? 0 : 1);
  } else if (Array.isArray(value)) {
    const items: FieldType = model === "JSONSchemaPropsOrArray" ? schema : { kind: "scalar", scalar: "string" };
    for (const each of value.toReversed()) writeValue(writer, 2, items, each);
  } else if (isObject(value)) writeValue(writer, 1, schema, value);
}
