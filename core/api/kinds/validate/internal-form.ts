/**
 * Structures as Kubernetes shows them inside messages: with the field names and the nil values of its Go types. Users see
 * them in errors like "pod updates may not change fields other than …", and tools compare them. The types are a table.
 */
import { sortedMap } from "./errors.ts";
import { internalTypes } from "./internal-types.ts";
import { shownSelector } from "./labels.ts";

type Json = { readonly [field: string]: unknown };

const METADATA = "+metadata";
/** Of metadata Kubernetes shows what there is, in this order. */
const METADATA_FIELDS = [
  "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations",
  "ownerReferences", "finalizers", "managedFields",
];
const ZERO: { readonly [kind: string]: unknown } = { s: "", n: 0, b: false, q: "0" };

interface GoField {
  readonly go: string;
  readonly json: string;
  readonly type: string;
}

const plans = new Map<string, readonly GoField[]>();

function planOf(type: string): readonly GoField[] {
  const known = plans.get(type);
  if (known !== undefined) return known;
  const plan = (internalTypes[type] ?? "").split(" ").flatMap((text) => {
    if (text.startsWith("+") && text !== METADATA) return planOf(text.slice(1));
    const [, go = "", json = go.charAt(0).toLowerCase() + go.slice(1), kind = ""] = /^([^=:]+)(?:=([^:]+))?(?::(.+))?$/.exec(text) ?? [];
    return [{ go, json, type: kind }];
  });
  plans.set(type, plan);
  return plan;
}

/** A value of one of the types above; fields that the table does not know are left out. */
export function internalForm(type: string, value: object): { readonly [field: string]: unknown } {
  const source = value as { readonly [field: string]: unknown };
  return Object.fromEntries(planOf(type).flatMap(({ go, json, type: kind }) => (go === METADATA ? shownMetadata(source["metadata"]) : [[go, formOf(kind, source[json])] as const])));
}

function shownMetadata(metadata: unknown): readonly (readonly [string, unknown])[] {
  const given = (metadata ?? {}) as { readonly [field: string]: unknown };
  return METADATA_FIELDS.filter((field) => !isNothing(given[field])).map((field) => [field, field === "labels" || field === "annotations" ? sortedMap(given[field] as Json) : given[field]]);
}

const isNothing = (value: unknown) => value === undefined || value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);

function formOf(kind: string, value: unknown): unknown {
  const absent = value === undefined || value === null;
  if (kind in ZERO) return absent ? ZERO[kind] : value;
  if (kind === "map") return absent ? null : sortedMap(value as Json);
  if (kind === "") return absent ? null : value;
  if (kind === "selector?") return absent ? null : shownSelector(value as object);
  if (kind.startsWith("[]")) return absent ? null : (value as readonly object[]).map((one) => internalForm(kind.slice(2), one));
  if (kind.endsWith("?")) return absent ? null : internalForm(kind.slice(0, -1), value as object);
  return internalForm(kind, (value ?? {}) as object);
}

/** The security context of a pod has the host namespaces in it there. */
export function internalPodSpec(spec: object): { readonly [field: string]: unknown } {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers, securityContext } = spec as { readonly [field: string]: unknown };
  const context = { ...(securityContext as object | undefined), hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers };
  return internalForm("PodSpec", { ...spec, securityContext: context });
}

/** The metadata of a template is written into it. */
export function internalTemplate({ metadata, spec }: { readonly metadata?: object; readonly spec?: object }): { readonly [field: string]: unknown } {
  return { ...Object.fromEntries(shownMetadata(metadata)), Spec: internalPodSpec(spec ?? {}) };
}
