/** x-kubernetes-list-type set and map: no element twice (structural listtype of apiextensions). */
import { isObject, sameJson } from "../../api/json.ts";
import type { FieldError } from "../../api/status.ts";
import { itemsOf, propertiesOf, type Schema, valuesOf } from "./json-schema.ts";
import { shownValue } from "./findings.ts";

type Check = (value: unknown, path: string, errors: FieldError[], old: unknown) => void;

const nothing: Check = () => {};

/** `nothing` where no list of the schema has to be unique, so that most objects are not walked at all. */
export function compileListTypes(schema: Schema): Check {
  const properties = propertiesOf(schema)
    .map(([name, of]) => [name, compileListTypes(of)] as const)
    .filter(([, check]) => check !== nothing);
  const values = valuesOf(schema);
  const others = values === undefined || values === true ? nothing : compileListTypes(values);
  const items = itemsOf(schema);
  const each = items === undefined ? nothing : compileListTypes(items);
  const unique = uniqueness(schema);
  if (properties.length === 0 && others === nothing && each === nothing && unique === nothing) return nothing;
  return (value, path, errors, old) => {
    if (Array.isArray(value)) {
      if (old === undefined || !sameJson(value, old)) unique(value, path, errors, old);
      if (each !== nothing) value.forEach((item, index) => each(item, `${path}[${index}]`, errors, undefined));
    } else if (isObject(value)) {
      const before = isObject(old) ? old : {};
      for (const [name, check] of properties) if (Object.hasOwn(value, name)) check(value[name], path === "" ? name : `${path}.${name}`, errors, before[name]);
      if (others !== nothing) for (const [name, item] of Object.entries(value)) others(item, `${path}[${name}]`, errors, before[name]);
    }
  };
}

function uniqueness(schema: Schema): Check {
  switch (schema["x-kubernetes-list-type"]) {
    case "set":
      return repeated((item) => item);
    case "map": {
      const keys = schema["x-kubernetes-list-map-keys"] ?? [];
      const presets = itemsOf(schema)?.properties ?? {};
      return repeated((item) => (isObject(item) ? Object.fromEntries(keys.map((key) => [key, item[key] ?? presets[key]?.default])) : item), true);
    }
    default:
      return nothing;
  }
}

function repeated(keyOf: (item: unknown) => unknown, ofObjects = false): Check {
  return (value, path, errors) => {
    if (!Array.isArray(value)) return;
    const seen = new Set<string>();
    for (const [index, item] of value.entries()) {
      if (ofObjects && !isObject(item)) {
        errors.push({ type: "FieldValueInvalid", field: `${path}[${index}]`, message: `Invalid value: ${shownValue(item)}: must be an object for an array of list-type map` });
        continue;
      }
      const key = keyOf(item);
      const text = JSON.stringify(key);
      if (seen.has(text)) errors.push({ type: "FieldValueDuplicate", field: `${path}[${index}]`, message: `Duplicate value: ${shownValue(key)}` });
      seen.add(text);
    }
  };
}
