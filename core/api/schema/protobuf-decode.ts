/**
 * Protobuf message to the JSON value of the same object, read by its plan. The result is as raw as a parsed JSON body:
 * decodeBody checks and normalises it. Input is untrusted: every length is checked against what is left, depth and the
 * number of values are bounded, and whatever is wrong is a BadRequest.
 */
import { isObject } from "../json.ts";
import { types } from "./facts.ts";
import { MAX_DEPTH, MAX_OBJECTS, parseJson, setField } from "./parse-json.ts";
import { BYTES, FIXED64, part, type Plan, planOf, VARINT } from "./protobuf-plan.ts";
import { malformed, Reader } from "./protobuf-reader.ts";
import type { FieldType, ObjectType } from "./schema.ts";

export type JsonObject = { [field: string]: unknown };

/** What is decoded inside raw bytes: another object in its envelope, or undefined when the bytes are none. */
export type Nested = (bytes: Uint8Array) => unknown;

/** The fields of `reader`'s message as JSON. Unknown numbers are skipped, as protobuf asks. */
export function decodeMessage(type: ObjectType, reader: Reader, nested: Nested): JsonObject {
  const object: JsonObject = {};
  readInto(object, planOf(type), reader, { nested, left: MAX_OBJECTS, depth: 0 });
  return object;
}

interface Budget {
  readonly nested: Nested;
  left: number;
  depth: number;
}

function readInto(object: JsonObject, plan: Plan, reader: Reader, budget: Budget): void {
  if (++budget.depth > MAX_DEPTH) throw malformed(`nested deeper than ${MAX_DEPTH}`);
  while (!reader.done) {
    const { number, wire } = reader.tag();
    const entry = plan.entries.get(number);
    if (entry === undefined) {
      reader.skip(wire);
      continue;
    }
    if (--budget.left < 0) throw malformed(`more than ${MAX_OBJECTS} values`);
    if ("embedded" in entry) readInto(object, entry.embedded, expectBytes(reader, wire), budget);
    else readField(object, entry.field.name, entry.field.type, { reader, wire, budget });
  }
  budget.depth--;
}

interface Source {
  readonly reader: Reader;
  readonly wire: number;
  readonly budget: Budget;
}

function readField(object: JsonObject, name: string, type: FieldType, source: Source): void {
  switch (type.kind) {
    case "list": {
      const list = object[name];
      const items: unknown[] = Array.isArray(list) ? list : [];
      items.push(readValue(type.items, source));
      object[name] = items;
      return;
    }
    case "map": {
      const map = Object.hasOwn(object, name) ? object[name] : undefined;
      const entries: JsonObject = isObject(map) ? map : {};
      readEntry(entries, type.values, source);
      object[name] = entries;
      return;
    }
    case "object": {
      // a message that comes twice is merged
      const before = object[name];
      const merged: JsonObject = isObject(before) ? before : {};
      readInto(merged, planOf(type.type), expectBytes(source.reader, source.wire), source.budget);
      object[name] = merged;
      return;
    }
    default:
      object[name] = readValue(type, source);
  }
}

function readEntry(entries: JsonObject, values: FieldType, { reader, wire, budget }: Source): void {
  const entry = expectBytes(reader, wire);
  let key = "";
  let value: unknown = null;
  while (!entry.done) {
    const each = entry.tag();
    if (each.number === part.mapKey) key = expectBytes(entry, each.wire).text();
    else if (each.number === part.mapValue) value = readValue(values, { reader: entry, wire: each.wire, budget });
    else entry.skip(each.wire);
  }
  setField(entries, key, value);
}

function readValue(type: FieldType, source: Source): unknown {
  const { reader, wire, budget } = source;
  switch (type.kind) {
    case "scalar":
      switch (type.scalar) {
        case "string":
          return expectBytes(reader, wire).text();
        case "bytes":
          return expectBytes(reader, wire).rest().toString("base64");
        case "boolean":
          return expectVarint(reader, wire) !== 0;
        case "int32":
          return expectVarint(reader, wire) | 0;
        case "int64":
          return expectVarint(reader, wire);
        case "double":
          if (wire !== FIXED64) throw wrongWire();
          return finite(reader.double());
      }
      break;
    case "object": {
      const object: JsonObject = {};
      readInto(object, planOf(type.type), expectBytes(reader, wire), budget);
      return object;
    }
    case "list": {
      const wrapper = expectBytes(reader, wire);
      const items: unknown[] = [];
      while (!wrapper.done) {
        const each = wrapper.tag();
        if (--budget.left < 0) throw malformed(`more than ${MAX_OBJECTS} values`);
        if (each.number === part.items) items.push(readValue(type.items, { reader: wrapper, wire: each.wire, budget }));
        else wrapper.skip(each.wire);
      }
      return items;
    }
    case "map":
      throw malformed("a map cannot stand in a list or map");
    case "special":
      return readSpecial(type, expectBytes(reader, wire), budget);
  }
}

const wrongWire = () => malformed("a field has another wire type than its schema says");

function finite(value: number): number {
  if (!Number.isFinite(value)) throw malformed(`${value} is no number that JSON can say`);
  return value;
}

function expectBytes(reader: Reader, wire: number): Reader {
  if (wire !== BYTES) throw wrongWire();
  return reader.inner();
}

function expectVarint(reader: Reader, wire: number): number {
  if (wire !== VARINT) throw wrongWire();
  return reader.varint();
}

function readSpecial(type: FieldType & { kind: "special" }, reader: Reader, budget: Budget): unknown {
  switch (type.special) {
    case "Quantity":
      return readParts(reader).texts.get(part.quantity)?.text() || "0";
    case "IntOrString": {
      const { numbers, texts } = readParts(reader);
      return numbers.get(part.intOrStringType) === 1 ? (texts.get(part.intOrStringText)?.text() ?? "") : (numbers.get(part.intOrStringInt) ?? 0) | 0;
    }
    case "Time":
    case "MicroTime": {
      const { numbers } = readParts(reader);
      return numbers.size === 0 ? null : timeText(numbers.get(part.seconds) ?? 0, numbers.get(part.nanos) ?? 0, type.special === "MicroTime");
    }
    case "Duration":
      return `${(readParts(reader).numbers.get(part.duration) ?? 0) / 1e9}s`;
    case "FieldsV1": {
      const raw = readParts(reader).texts.get(part.raw)?.rest();
      return raw === undefined || raw.length === 0 ? {} : rawJson(raw);
    }
    case "RawExtension": {
      const raw = readParts(reader).texts.get(part.raw)?.rest();
      if (raw === undefined || raw.length === 0) return null;
      return budget.nested(raw) ?? rawJson(raw);
    }
    case "JSON":
      return readJson(type.model, reader, budget);
  }
}

const rawJson = (raw: Buffer) => parseJson(raw.toString("utf8"), { duplicates: false }).value;

/** The last value of each number in a small message. */
function readParts(reader: Reader): { numbers: Map<number, number>; texts: Map<number, Reader> } {
  const numbers = new Map<number, number>();
  const texts = new Map<number, Reader>();
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (wire === VARINT) numbers.set(number, reader.varint());
    else if (wire === BYTES) texts.set(number, reader.inner());
    else reader.skip(wire);
  }
  return { numbers, texts };
}

/** Years 1 to 9999, what RFC 3339 can say. */
const MIN_SECONDS = -62_135_596_800;
const MAX_SECONDS = 253_402_300_799;

function timeText(seconds: number, nanos: number, micro: boolean): string | null {
  // Go's zero time, year 1
  if (seconds === MIN_SECONDS && nanos === 0) return null;
  if (seconds < MIN_SECONDS || seconds > MAX_SECONDS || nanos < 0 || nanos >= 1e9) throw malformed("a time is out of range");
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  return micro ? `${text}.${String(Math.floor(nanos / 1000)).padStart(6, "0")}Z` : `${text}Z`;
}

const schemaModel = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/** apiextensions JSON is its text; the "one or the other" types have the schema in 1 and the other form beside it. */
function readJson(model: string | undefined, reader: Reader, budget: Budget): unknown {
  if (model === undefined) {
    const raw = readParts(reader).texts.get(part.raw)?.rest();
    return raw === undefined || raw.length === 0 ? null : rawJson(raw);
  }
  const schema: FieldType = { kind: "object", type: types().get(schemaModel) };
  let result: unknown = model === "JSONSchemaPropsOrBool" ? false : [];
  const list: unknown[] = [];
  while (!reader.done) {
    const { number, wire } = reader.tag();
    const source: Source = { reader, wire, budget };
    const isSchema = number === (model === "JSONSchemaPropsOrBool" ? 2 : 1);
    if (isSchema) return readLast(schema, source);
    if (number === 1) result = expectVarint(reader, wire) !== 0;
    else if (number === 2 && model === "JSONSchemaPropsOrArray") result = append(list, readValue(schema, source));
    else if (number === 2) result = append(list, readValue({ kind: "scalar", scalar: "string" }, source));
    else reader.skip(wire);
    if (--budget.left < 0) throw malformed(`more than ${MAX_OBJECTS} values`);
  }
  return result;
}

function append(list: unknown[], value: unknown): unknown[] {
  list.push(value);
  return list;
}

/** A schema wins over the other form, which follows only where the schema is absent. */
function readLast(type: FieldType, source: Source): unknown {
  const value = readValue(type, source);
  while (!source.reader.done) source.reader.skip(source.reader.tag().wire);
  return value;
}
