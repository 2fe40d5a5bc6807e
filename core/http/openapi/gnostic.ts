/**
 * The OpenAPI v2 document in the protobuf form of gnostic, which Go clients ask for. Only what the document has is
 * described: a table of messages with the numbers of openapiv2/OpenAPIv2.proto, and one writer that reads it. Values
 * without a type of their own (defaults, enums, extensions) are carried as YAML text, for which JSON is good enough.
 */
import { wordTable } from "../../api/word-table.ts";
interface FieldRule {
  readonly number: number;
  readonly as:
    | "string"
    | "bool"
    | "any"
    /** a message of the table */
    | { readonly message: string }
    /** a JSON object as a list of name and value; `inner` wraps the list into a message of its own */
    | { readonly named: string | "any"; readonly inner?: boolean }
    /** a string or a list of strings inside a message */
    | "texts";
  readonly list?: boolean;
}

type Message = { readonly [member: string]: FieldRule };

const text = (number: number): FieldRule => ({ number, as: "string" });
const texts = (number: number): FieldRule => ({ number, as: "string", list: true });
const bool = (number: number): FieldRule => ({ number, as: "bool" });
const of = (number: number, type: string): FieldRule => ({ number, as: { message: type } });

const query: Message = { required: bool(1), in: text(2), description: text(3), name: text(4), type: text(6), format: text(7), uniqueItems: bool(20) };
const path: Message = { required: bool(1), in: text(2), description: text(3), name: text(4), type: text(5), format: text(6), uniqueItems: bool(19) };

const messages = wordTable<Message>({
  Document: { swagger: text(1), info: of(2, "Info"), paths: of(8, "Paths"), definitions: { number: 9, as: { named: "Schema", inner: true } } },
  Info: { title: text(1), version: text(2), description: text(3) },
  PathItem: {
    get: of(2, "Operation"),
    put: of(3, "Operation"),
    post: of(4, "Operation"),
    delete: of(5, "Operation"),
    options: of(6, "Operation"),
    head: of(7, "Operation"),
    patch: of(8, "Operation"),
    parameters: { number: 9, as: { message: "ParametersItem" }, list: true },
  },
  Operation: {
    tags: texts(1),
    description: text(3),
    operationId: text(5),
    produces: texts(6),
    consumes: texts(7),
    parameters: { number: 8, as: { message: "ParametersItem" }, list: true },
    responses: { number: 9, as: { named: "ResponseValue", inner: true } },
    schemes: texts(10),
  },
  Response: { description: text(1), schema: of(2, "SchemaItem") },
  BodyParameter: { description: text(1), name: text(2), in: text(3), required: bool(4), schema: of(5, "Schema") },
  QueryParameter: query,
  PathParameter: path,
  Schema: {
    $ref: text(1),
    format: text(2),
    title: text(3),
    description: text(4),
    default: { number: 5, as: "any" },
    pattern: text(13),
    uniqueItems: bool(16),
    required: texts(19),
    enum: { number: 20, as: "any", list: true },
    additionalProperties: of(21, "AdditionalProperties"),
    type: { number: 22, as: "texts" },
    items: of(23, "Items"),
    allOf: { number: 24, as: { message: "Schema" }, list: true },
    properties: { number: 25, as: { named: "Schema", inner: true } },
  },
});

/** Where extensions ("x-…") go. */
const extensions = wordTable<number>({ Schema: 31, Operation: 13, Document: 16, Info: 7, PathItem: 10, Response: 5 });

export function gnosticDocument(document: object): Buffer {
  return message("Document", document);
}

type Members = { readonly [member: string]: unknown };

/** Messages that JSON does not have: a choice that protobuf needs a number for. */
const choices = wordTable<(value: unknown) => Buffer>({
  Paths: (value) => Buffer.concat(Object.entries(value as Members).map(([name, item]) => inner(2, named(name, message("PathItem", item as object))))),
  ParametersItem: (value) => inner(1, parameter(value as Members)),
  ResponseValue: (value) => inner(1, message("Response", value as object)),
  SchemaItem: (value) => inner(1, message("Schema", value as object)),
  AdditionalProperties: (value) => (typeof value === "boolean" ? flag(2, value) : inner(1, message("Schema", value as object))),
  Items: (value) => inner(1, message("Schema", value as object)),
});

function parameter(value: Members): Buffer {
  if (value["in"] === "body") return inner(1, message("BodyParameter", value));
  return inner(2, value["in"] === "path" ? inner(4, message("PathParameter", value)) : inner(3, message("QueryParameter", value)));
}

function message(name: string, value: object): Buffer {
  const choice = choices[name];
  if (choice !== undefined) return choice(value);
  const parts: Buffer[] = [];
  for (const [member, given] of Object.entries(value)) {
    const rule = messages[name]?.[member];
    const extension = extensions[name];
    if (rule !== undefined) parts.push(...(rule.list === true && Array.isArray(given) ? given.map((each) => field(rule, each)) : [field(rule, given)]));
    else if (member.startsWith("x-") && extension !== undefined) parts.push(inner(extension, named(member, any(given))));
  }
  return Buffer.concat(parts);
}

function field({ number, as }: FieldRule, value: unknown): Buffer {
  if (as === "string") return inner(number, Buffer.from(String(value)));
  if (as === "bool") return flag(number, value === true);
  if (as === "any") return inner(number, any(value));
  if (as === "texts") return inner(number, Buffer.concat([value].flat().map((each) => inner(1, Buffer.from(String(each))))));
  if ("message" in as) return inner(number, message(as.message, value as object));
  const list = Object.entries(value as Members).map(([name, item]) => inner(1, named(name, as.named === "any" ? any(item) : message(as.named, item as object))));
  return inner(number, Buffer.concat(list));
}

const named = (name: string, value: Buffer) => Buffer.concat([inner(1, Buffer.from(name)), inner(2, value)]);
/** Any.yaml */
const any = (value: unknown) => inner(2, Buffer.from(JSON.stringify(value)));
const flag = (number: number, value: boolean) => (value ? Buffer.concat([varint(number << 3), varint(1)]) : Buffer.alloc(0));
const inner = (number: number, bytes: Buffer) => Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
