/**
 * The types of a structural schema for CEL: a rule that names a field that is not there, or compares a number with a text,
 * is refused when the definition is written, not when the first object comes. Values are converted to instances of classes
 * of their own, because that is how cel-js recognises a type.
 */
import { isObject } from "../../api/json.ts";
import { duration, timestamp } from "../cel/times.ts";
import type { Environment } from "../cel/environment.ts";
import { celEqual, toCel } from "../cel/values.ts";
import { isEmbedded, isIntOrString, itemsOf, preserves, propertiesOf, type Schema, valuesOf } from "../schema/json-schema.ts";

export interface CelTypeOf {
  /** as cel-js writes it: "int", "list<string>", "Object_3" */
  readonly name: string;
  readonly convert: (value: unknown) => unknown;
}

const text: CelTypeOf = { name: "string", convert: (value) => value };
const dynamic: CelTypeOf = { name: "dyn", convert: toCel };

/** Declares in `environment` what the type needs. */
export function declareType(environment: Environment, schema: Schema, resource: boolean): CelTypeOf {
  let count = 0;

  function declare(of: Schema, isResource: boolean): CelTypeOf {
    if (isIntOrString(of)) return dynamic;
    switch (of.type) {
      case "string":
        return stringType(of.format);
      case "integer":
        return { name: "int", convert: (value) => (typeof value === "number" && Number.isInteger(value) ? BigInt(value) : value) };
      case "number":
        return { name: "double", convert: (value) => value };
      case "boolean":
        return { name: "bool", convert: (value) => value };
      case "array": {
        const items = itemsOf(of);
        const each = items === undefined ? dynamic : declare(items, false);
        return { name: `list<${each.name}>`, convert: (value) => (Array.isArray(value) ? value.map(each.convert) : value) };
      }
      case "object": {
        const values = valuesOf(of);
        if (values !== undefined && of.properties === undefined) return mapType(values === true ? dynamic : declare(values, false));
        if (of.properties === undefined && !isResource && !isEmbedded(of) && preserves(of)) return dynamic;
        return objectType(of, isResource || isEmbedded(of));
      }
      default:
        return dynamic;
    }
  }

  function objectType(of: Schema, isResource: boolean): CelTypeOf {
    const fields = new Map<string, readonly [name: string, type: CelTypeOf]>();
    if (isResource) {
      fields.set("apiVersion", ["apiVersion", text]);
      fields.set("kind", ["kind", text]);
      fields.set("metadata", ["metadata", register(new Map([["name", ["name", text]], ["generateName", ["generateName", text]]]))]);
    }
    for (const [name, property] of propertiesOf(of)) {
      const escaped = escapeName(name);
      if (escaped !== undefined && !fields.has(name)) fields.set(name, [escaped, declare(property, false)]);
    }
    return register(fields);
  }

  /** `fields`: by JSON name, the name in expressions and the type */
  function register(fields: ReadonlyMap<string, readonly [name: string, type: CelTypeOf]>): CelTypeOf {
    const name = `Object_${count++}`;
    // cel-js tells types by the constructor of a value
    const Values = class {
      [field: string]: unknown;
    };
    environment.registerType(name, { ctor: Values, fields: Object.fromEntries([...fields.values()].map(([field, type]) => [field, type.name])) });
    environment.registerOperator(`${name} == ${name}`, celEqual);
    // allowed by cel-go, and never true: a null field is an absent one
    environment.registerOperator(`${name} == null`, () => false);
    return {
      name,
      convert(value) {
        if (!isObject(value)) return value;
        const made = new Values();
        for (const [json, [field, type]] of fields) {
          const each = Object.hasOwn(value, json) ? value[json] : undefined;
          // null is no value of a typed field: has() says false
          if (each !== undefined && each !== null) made[field] = type.convert(each);
        }
        return made;
      },
    };
  }

  return declare(schema, resource);
}

function mapType(values: CelTypeOf): CelTypeOf {
  return {
    name: `map<string, ${values.name}>`,
    convert: (value) => (isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, values.convert(each)])) : value),
  };
}

function stringType(format: string | undefined): CelTypeOf {
  switch (format) {
    case "byte":
      return { name: "bytes", convert: (value) => (typeof value === "string" ? new Uint8Array(Buffer.from(value, "base64")) : value) };
    case "duration":
      return { name: "google.protobuf.Duration", convert: duration };
    case "date":
    case "date-time":
      return { name: "google.protobuf.Timestamp", convert: timestamp };
    default:
      return text;
  }
}

const KEYWORDS: ReadonlySet<string> = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(" "),
);

/** How a field is called in expressions; undefined where it cannot be (Kubernetes documentation, "Validation rules"). */
export function escapeName(name: string): string | undefined {
  if (!/^[A-Za-z_./-][\w./-]*$/.test(name)) return undefined;
  if (KEYWORDS.has(name)) return `__${name}__`;
  return name.replaceAll("__", "__underscores__").replaceAll(".", "__dot__").replaceAll("-", "__dash__").replaceAll("/", "__slash__");
}
