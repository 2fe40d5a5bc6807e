/** x-kubernetes-embedded-resource: what is inside must be an object of the API (apiextensions schema/objectmeta). */
import { type JsonObject, isObject } from "../../api/json.ts";
import { check, invalid, required, type Errors } from "../../api/kinds/validate/errors.ts";
import { validateAnnotations, validateLabels } from "../../api/kinds/validate/labels.ts";
import { dns1035Label, dns1123Label, pathSegment } from "../../api/names.ts";
import { isEmbedded, itemsOf, propertiesOf, type Schema, valuesOf } from "./json-schema.ts";

type Check = (value: unknown, path: string, errors: Errors) => void;

const nothing: Check = () => {};

/** `nothing` where no resource is embedded. `root`: the value itself is one by its place. */
export function compileEmbedded(schema: Schema): Check {
  const own = isEmbedded(schema);
  const properties = new Map(propertiesOf(schema).map(([name, of]) => [name, compileEmbedded(of)] as const).filter(([, each]) => each !== nothing));
  const values = valuesOf(schema);
  const others = values === undefined || values === true ? nothing : compileEmbedded(values);
  const items = itemsOf(schema);
  const each = items === undefined ? nothing : compileEmbedded(items);
  if (!own && properties.size === 0 && others === nothing && each === nothing) return nothing;
  return (value, path, errors) => {
    if (Array.isArray(value)) value.forEach((item, index) => each(item, `${path}[${index}]`, errors));
    if (!isObject(value)) return;
    if (own) resource(errors, value, path);
    for (const [name, item] of Object.entries(value)) {
      const checkItem = properties.get(name);
      if (checkItem !== undefined) checkItem(item, below(path, name), errors);
      else others(item, `${path}[${name}]`, errors);
    }
  };
}

const below = (path: string, name: string) => (path === "" ? name : `${path}.${name}`);

function resource(errors: Errors, { apiVersion, kind, metadata }: JsonObject, path: string): void {
  text(errors, apiVersion, below(path, "apiVersion"), (version) => {
    if (version.split("/").length > 2) return `unexpected GroupVersion string: ${version}`;
    return undefined;
  });
  text(errors, kind, below(path, "kind"), (name) => {
    const wrong = dns1035Label(name.toLowerCase());
    return wrong.length === 0 ? undefined : `may have mixed case, but should otherwise match: ${wrong.join(",")}`;
  });
  if (isObject(metadata)) meta(errors, metadata, below(path, "metadata"));
}

function text(errors: Errors, value: unknown, path: string, wrong: (text: string) => string | undefined): void {
  if (value === undefined) required(errors, path);
  else if (typeof value !== "string") invalid(errors, path, value, "must be a string");
  else if (value === "") invalid(errors, path, value, "must not be empty");
  else {
    const why = wrong(value);
    if (why !== undefined) invalid(errors, path, value, why);
  }
}

/** Like the metadata of an object that stands by itself; decoding has made sure of its types. */
function meta(errors: Errors, metadata: JsonObject, path: string): void {
  const { name, namespace, labels, annotations } = metadata as { readonly [field: string]: never };
  if (name !== undefined && name !== "") check(errors, `${path}.name`, name, pathSegment);
  if (namespace !== undefined && namespace !== "") check(errors, `${path}.namespace`, namespace, dns1123Label);
  validateLabels(errors, `${path}.labels`, labels);
  validateAnnotations(errors, `${path}.annotations`, annotations);
}
