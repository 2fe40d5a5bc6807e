/**
 * Label and field selectors of one request, compiled for one kind. What can be answered from the key (name, namespace)
 * narrows the read; only the rest needs decoded objects.
 */
import type { Selection } from "../api/client.ts";
import type { Kind } from "../api/kinds.ts";
import { isCustom } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import type { FieldRequirement, Selector } from "../api/selector.ts";
import { matchesLabels, parseFieldSelector, parseSelector, SelectorError } from "../api/selector.ts";
import { badRequest } from "../api/status.ts";

export interface CompiledSelection {
  /** undefined: everything matches, objects need not be decoded */
  readonly matches: ((object: AnyObject) => boolean) | undefined;
  /** the only name or namespace that can match */
  readonly name: string | undefined;
  readonly namespace: string | undefined;
}

const everything: CompiledSelection = { matches: undefined, name: undefined, namespace: undefined };

/** Selectors that could be read, not yet held against a kind. */
export interface ParsedSelection {
  readonly labels: Selector;
  readonly fields: readonly FieldRequirement[];
  /** the only name that can match */
  readonly name: string | undefined;
}

/** @throws ApiError "BadRequest" for what is no selector */
export function parseSelection({ labelSelector = "", fieldSelector = "" }: Selection): ParsedSelection {
  return refusing(() => {
    const labels = parseSelector(labelSelector);
    const fields = parseFieldSelector(fieldSelector);
    return { labels, fields, name: only(fields, "metadata.name") };
  });
}

/** @throws ApiError "BadRequest" for fields that the kind is not selected by */
export function compileSelection(kind: Kind, { labels, fields, name }: ParsedSelection): CompiledSelection {
  if (labels.length === 0 && fields.length === 0) return everything;
  return refusing(() => {
    const tests = fields.map((field) => fieldTest(kind, field));
    return {
      matches: labels.length === 0 && tests.length === 0 ? undefined : (object) => matchesAll(object, labels, tests),
      name,
      namespace: kind.namespaced ? only(fields, "metadata.namespace") : undefined,
    };
  });
}

const only = (fields: readonly FieldRequirement[], path: string) => fields.find((field) => field.path === path && field.equal)?.value;

function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof SelectorError ? badRequest(error.message) : error;
  }
}

type Test = (object: AnyObject) => boolean;

function matchesAll(object: AnyObject, labels: Selector, tests: readonly Test[]): boolean {
  return matchesLabels(labels, object.metadata.labels) && tests.every((test) => test(object));
}

function fieldTest(kind: Kind, { path, equal, value }: FieldRequirement): Test {
  const read = reader(kind, path);
  return (object) => (read(object) === value) === equal;
}

function reader(kind: Kind, path: string): (object: AnyObject) => string {
  if (path === "metadata.name") return (object) => object.metadata.name ?? "";
  if (path === "metadata.namespace") return (object) => object.metadata.namespace ?? "";
  const selectable = kind.hooks.selectableFields ?? {};
  const own = Object.hasOwn(selectable, path) ? selectable[path] : undefined;
  if (own !== undefined) return own;
  throw new SelectorError(unknownField(kind, path));
}

/** Kinds with fields of their own word the refusal each in their way. */
function unknownField(kind: Kind, path: string): string {
  const own = ownWords[`${kind.group}/${kind.plural}`];
  if (own !== undefined) return own(path);
  if (isCustom(kind) || kind.hooks.selectableFields !== undefined || kind.plural === "services") return `field label not supported: ${path}`;
  return `${JSON.stringify(path)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

const ownWords: { readonly [resource: string]: (path: string) => string } = {
  "batch/jobs": (path) => `field label ${JSON.stringify(path)} not supported for Job`,
  "resource.k8s.io/resourceslices": (path) => `field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: ${path}`,
};
