/** One kind with its schema and behaviour, as a server uses it: default, prepare, check. */
import { builtInHooks } from "../../../core/api/kinds/hooks.ts";
import { builtinKinds } from "../../../core/api/kinds/built-in.ts";
import type { Kind, Writer } from "../../../core/api/kinds.ts";
import type { AnyObject } from "../../../core/api/meta.ts";
import { applyDefaults } from "../../../core/api/schema/defaults.ts";
import type { FieldError } from "../../../core/api/status.ts";

const kinds = builtinKinds(builtInHooks);
const NAMESPACE = "default";
export const writer: Writer = { user: { name: "user", groups: [], extra: {}, uid: "" }, now: 0 };

export function kindOf(apiVersion: string, kind: string): Kind {
  const found = kinds.find((one) => one.kind === kind && apiVersion === (one.group === "" ? one.version : `${one.group}/${one.version}`));
  if (found === undefined) throw new Error(`no kind ${kind} in ${apiVersion}`);
  return found;
}

export interface Given {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: object;
  readonly [field: string]: unknown;
}

export function defaulted(given: Given): AnyObject {
  const kind = kindOf(given.apiVersion, given.kind);
  const object = { ...given, metadata: { name: "a", namespace: NAMESPACE, uid: "u", ...given.metadata } } as AnyObject;
  const filled = applyDefaults(kind.schema, object);
  return kind.hooks.setDefaults?.(filled) ?? filled;
}

/** As it would be stored. */
export function created(given: Given): AnyObject {
  const object = defaulted(given);
  return kindOf(given.apiVersion, given.kind).hooks.prepareForCreate?.(object, writer) ?? object;
}

const texts = (errors: readonly FieldError[] | undefined) => (errors ?? []).map(({ field, message }) => `${field}: ${message}`);

export function refusals(given: Given): readonly string[] {
  return texts(kindOf(given.apiVersion, given.kind).hooks.validate?.(created(given)));
}

/** What an update of the created object says; `subresource` where it goes through one. */
export function updateRefusals(given: Given, changed: (object: AnyObject) => object, subresource?: string): readonly string[] {
  const { hooks } = kindOf(given.apiVersion, given.kind);
  const old = created(given);
  const changedObject = changed(old) as AnyObject;
  const next = hooks.setDefaults?.(changedObject) ?? changedObject;
  if (subresource !== undefined) return texts(hooks.validateSubresource?.[subresource]?.(next, old));
  return texts(hooks.validateUpdate?.(hooks.prepareForUpdate?.(next, old, writer) ?? next, old));
}

export function warnings(given: Given): readonly string[] {
  return kindOf(given.apiVersion, given.kind).hooks.warnings?.(created(given)) ?? [];
}

/** The cells of a table by the name of their column. */
export function cells(object: AnyObject, now = 0): { readonly [column: string]: unknown } {
  const { columns = [] } = kindOf(object.apiVersion, object.kind).hooks;
  return Object.fromEntries(columns.map(({ name, cell }) => [name, cell(object, now)]));
}

export const pod = (spec: object = {}, container: object = {}, metadata: object = {}): Given => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata,
  spec: { containers: [{ name: "c", image: "busybox", ...container }], ...spec },
});

export const template = (spec: object = {}, labels: object = { app: "a" }) => ({ metadata: { labels }, spec: { containers: [{ name: "c", image: "busybox" }], ...spec } });
