/** The objects that a binding hands to its policy: by name or by labels, in a namespace of its own or in the request's. */
import type { AdmissionRequest } from "../../admission/admission.ts";
import type { Lookup } from "../../admission/lookup.ts";
import type { KindTable } from "../../api/kinds.ts";
import { type AnyObject, parseApiVersion } from "../../api/meta.ts";
import { matchesLabels, selectorOf } from "../../api/selector.ts";
import type { ParamKind, ParamRef } from "../../api/types.gen.ts";

export interface ParamParts {
  readonly kinds: KindTable;
  readonly lookup: Lookup;
}

/** What keeps a binding from being applied; `skip`: it does not apply, which is no failure. */
export type Params = { readonly objects: readonly (AnyObject | undefined)[] } | { readonly skip: true } | { readonly failure: string };

export async function paramsOf(paramKind: ParamKind | undefined, ref: ParamRef | undefined, request: AdmissionRequest, { kinds, lookup }: ParamParts): Promise<Params> {
  if (paramKind === undefined || ref === undefined) return { objects: [undefined] };
  const { group, version } = parseApiVersion(paramKind.apiVersion ?? "");
  const kind = kinds.byKind(group, version, paramKind.kind ?? "");
  if (kind === undefined) return { failure: `failed to find resource referenced by paramKind: '${group}/${version}, Kind=${paramKind.kind}'` };
  const namespace = kind.namespaced ? (ref.namespace ?? request.namespace) : undefined;
  if (kind.namespaced && (namespace === undefined || namespace === "")) return { failure: "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources" };
  if (!kind.namespaced && ref.namespace !== undefined) return { failure: "paramRef.namespace must not be provided for a cluster-scoped `paramKind`" };
  const objects = await find(ref, { group, version, plural: kind.plural }, namespace, lookup);
  if (objects.length > 0) return { objects };
  if (ref.parameterNotFoundAction === "Allow") return { skip: true };
  return { failure: "no params found for policy binding with `Deny` parameterNotFoundAction" };
}

async function find(ref: ParamRef, resource: { readonly group: string; readonly version: string; readonly plural: string }, namespace: string | undefined, lookup: Lookup): Promise<readonly AnyObject[]> {
  if (ref.name !== undefined && ref.name !== "") {
    const object = lookup.get<AnyObject>(resource, namespace, ref.name);
    return object === undefined ? [] : [object];
  }
  const selector = selectorOf(ref.selector ?? {});
  return (await lookup.list<AnyObject>(resource, namespace)).filter(({ metadata }) => matchesLabels(selector, metadata.labels));
}
