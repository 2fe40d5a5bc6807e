/**
 * From a parsed request body to the object that a route expects: kind and version are filled in or checked, the value is
 * decoded, and what strict validation found becomes an error, warnings or nothing.
 */
import { type AnyObject, apiVersionOf, parseApiVersion } from "../meta.ts";
import { badRequest, invalid } from "../status.ts";
import { decodeValue } from "./decode.ts";
import { inDocumentOrder } from "./document-order.ts";
import type { ObjectType } from "./schema.ts";

export interface Expected {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly schema: ObjectType;
  /** other versions of the kind that are taken for this one */
  readonly alsoIn?: readonly string[];
}

export interface DecodeOptions {
  /** Strict: problems are an error; Warn (as by default in Kubernetes): warnings; Ignore: nothing */
  readonly fieldValidation?: "Strict" | "Warn" | "Ignore" | undefined;
  readonly warn?: ((text: string) => void) | undefined;
  /** what the parser found (`duplicate field "data"`) */
  readonly problems?: readonly string[];
  /** the type of another kind that the body names, to tell a wrong kind from an unknown one */
  readonly schemaOf?: (group: string, version: string, kind: string) => ObjectType | undefined;
}

/** Where Kubernetes has the types of its kinds; its answers name the place. */
export function notRegistered(kind: string, apiVersion: string, group: string): string {
  const scheme = SCHEMES[group] ?? "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30";
  return `no kind "${kind}" is registered for version "${apiVersion}" in scheme "${scheme}"`;
}

const SCHEMES: { readonly [group: string]: string } = {
  "apiextensions.k8s.io": "k8s.io/apiextensions-apiserver/pkg/apiserver/apiserver.go:55",
  "apiregistration.k8s.io": "k8s.io/kube-aggregator/pkg/apiserver/scheme/scheme.go:33",
};

/** Versions that Kubernetes still can read and serves no more, by the first part of their group. */
const SERVED_ONCE: { readonly [group: string]: readonly string[] } = {
  admissionregistration: ["v1beta1", "v1alpha1"],
  apps: ["v1beta1", "v1beta2"],
  authentication: ["v1beta1", "v1alpha1"],
  authorization: ["v1beta1"],
  autoscaling: ["v1", "v2"],
  batch: ["v1beta1"],
  certificates: ["v1beta1", "v1alpha1"],
  coordination: ["v1beta1", "v1alpha2"],
  discovery: ["v1beta1"],
  events: ["v1beta1"],
  extensions: ["v1beta1"],
  flowcontrol: ["v1beta1", "v1beta2", "v1beta3"],
  networking: ["v1beta1"],
  node: ["v1beta1", "v1alpha1"],
  policy: ["v1beta1"],
  rbac: ["v1beta1", "v1alpha1"],
  scheduling: ["v1beta1", "v1alpha1"],
  storage: ["v1beta1", "v1alpha1"],
};

/** Kinds of which that is true in fewer versions than of the others in their groups. */
const SERVED_ONCE_IN: { readonly [kind: string]: readonly string[] } = { Scale: ["apps/v1beta1", "apps/v1beta2", "extensions/v1beta1"] };

function wasServed(kind: string, apiVersion: string): boolean {
  const only = Object.hasOwn(SERVED_ONCE_IN, kind) ? SERVED_ONCE_IN[kind] : undefined;
  if (only !== undefined) return only.includes(apiVersion);
  const { group, version } = parseApiVersion(apiVersion);
  return SERVED_ONCE[group.split(".", 1)[0] ?? ""]?.includes(version) === true;
}

/** Sets the order of the fields. */
const headFirst = { apiVersion: "", kind: "", metadata: {} };

/** Throws BadRequest. The object has apiVersion, kind and metadata; apiVersion and kind are first. */
export function decodeBody(expected: Expected, body: unknown, options: DecodeOptions = {}): AnyObject {
  if (expected.schema.custom === true) mustSayWhatItIs(expected, body);
  const { kind, apiVersion } = headOf(expected, body);
  const { group, version } = parseApiVersion(apiVersion);
  const cannot = (why: string) => badRequest(`${kind} in version "${version}" cannot be handled as a ${expected.kind}: ${why}`);

  const expectedVersion = apiVersionOf(expected);
  const same = kind === expected.kind && (apiVersion === expectedVersion || expected.alsoIn?.includes(apiVersion) === true);
  if (!same && expected.schema.custom === true && apiVersion === expectedVersion) throw anotherKind(expected, kind, body);
  const schemaOf = (name: string) => options.schemaOf?.(group, version, name);
  const schema = same ? expected.schema : schemaOf(kind);
  if (kind === expected.kind && !same && (schema !== undefined || expected.schema.custom === true || wasServed(kind, apiVersion))) {
    throw badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${expectedVersion})`);
  }
  const another = () => cannot(`converting (${version}.${kind}) to (${shortGroup(expected.group)}.${expected.kind}): unknown conversion`);
  if (schema === undefined) {
    if (kind === "List" || (kind.endsWith("List") && schemaOf(kind.slice(0, -"List".length)) !== undefined)) throw another();
    throw cannot(notRegistered(kind, apiVersion, expected.group));
  }

  const decoded = decodePrefixed(schema, body, cannot);
  if (!same) throw another();

  const problems = inDocumentOrder(body, options.problems ?? [], decoded.problems);
  if (problems.length > 0 && options.fieldValidation === "Strict") throw cannot(`strict decoding error: ${asOne(problems)}`);
  if (options.fieldValidation !== "Ignore") for (const problem of problems) options.warn?.(problem);

  return { ...headFirst, ...decoded.value, apiVersion: expectedVersion, kind, metadata: decoded.value["metadata"] ?? {} };
}

/** What the reader of YAML found is one error of several lines. */
function asOne(problems: readonly string[]): string {
  const lines = problems.filter((problem) => YAML_PROBLEM.test(problem));
  const others = problems.filter((problem) => !YAML_PROBLEM.test(problem));
  return [...(lines.length === 0 ? [] : [["yaml: unmarshal errors:", ...lines.map((line) => `  ${line}`)].join("\n")]), ...others].join(", ");
}

const YAML_PROBLEM = /^line \d+: /;

/** "rbac" for "rbac.authorization.k8s.io" */
const shortGroup = (group: string) => (group === "" ? "core" : group.replace(/\..*/, ""));

function decodePrefixed(schema: ObjectType, body: unknown, cannot: (why: string) => Error) {
  try {
    return decodeValue(schema, body);
  } catch (error) {
    throw cannot(error instanceof Error ? error.message : String(error));
  }
}

/** What stands in a custom resource's body is all there is to tell its type by. */
function mustSayWhatItIs(expected: Expected, body: unknown): void {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return;
  const text = JSON.stringify(body);
  for (const [name, field] of [["Kind", "kind"], ["apiVersion", "apiVersion"]] as const) {
    const value: unknown = Object.hasOwn(body, field) ? Object.entries(body).find(([key]) => key === field)?.[1] : undefined;
    if (value !== undefined && value !== null && value !== "") continue;
    throw badRequest(`the object provided is unrecognized (must be of type ${expected.kind}): Object '${name}' is missing in '${text}' (${snippet(text)})`);
  }
}

function anotherKind(expected: Expected, kind: string, body: unknown): Error {
  const name = (body as { metadata?: { name?: unknown } }).metadata?.name;
  return invalid({ group: expected.group, kind }, typeof name === "string" ? name : "", [
    { type: "FieldValueInvalid", field: "kind", message: `Invalid value: ${JSON.stringify(kind)}: must be ${expected.kind}` },
  ]);
}

/** A body may leave out its kind and version; then it is what the route expects. */
function headOf(expected: Expected, body: unknown): { kind: string; apiVersion: string } {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    const what = Array.isArray(body) ? "array" : typeof body === "boolean" ? "bool" : typeof body;
    throw unrecognized(expected, `json: cannot unmarshal ${what} into Go value of type ${head}`);
  }
  const text = (name: "kind" | "apiVersion"): string => {
    const value: unknown = Object.hasOwn(body, name) ? Object.entries(body).find(([key]) => key === name)?.[1] : undefined;
    if (value === undefined || value === null) return "";
    if (typeof value !== "string") throw unrecognized(expected, `"${name}" must be a string`);
    return value;
  };
  return { kind: text("kind") || expected.kind, apiVersion: text("apiVersion") || apiVersionOf(expected) };
}

const head = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** What a body that is no object at all gets; the reader of the bytes uses it for syntax errors, too, with the body's text. */
export function unrecognized(expected: { readonly kind: string }, why: string, text?: string): Error {
  const shown = text === undefined ? "" : ` (${snippet(text)})`;
  return badRequest(`the object provided is unrecognized (must be of type ${expected.kind}): couldn't get version/kind; json parse error: ${why}${shown}`);
}

/** As much of a body as an error shows. */
const SNIPPET = 30;

/** The beginning of a body: text when it looks like a JSON object, else its bytes in hexadecimal. */
function snippet(text: string): string {
  if (text === "") return "<empty>";
  const bytes = Buffer.from(text.slice(0, SNIPPET * 2));
  const more = bytes.length > SNIPPET ? " ..." : "";
  return `${bytes.subarray(0, SNIPPET).toString(text.startsWith("{") ? "utf8" : "hex")}${more}`;
}
