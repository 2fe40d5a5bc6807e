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

/** @throws ApiError "BadRequest" */
export function compileSelection(kind: Kind, selection: Selection): CompiledSelection {
  const { labelSelector = "", fieldSelector = "" } = selection;
  if (labelSelector === "" && fieldSelector === "") return everything;
  try {
    const labels = parseSelector(labelSelector);
    const fields = parseFieldSelector(fieldSelector);
    const tests = fields.map((field) => fieldTest(kind, field));
    const only = (path: string) => fields.find((field) => field.path === path && field.equal)?.value;
    return {
      matches: labels.length === 0 && tests.length === 0 ? undefined : (object) => matchesAll(object, labels, tests),
      name: only("metadata.name"),
      namespace: kind.namespaced ? only("metadata.namespace") : undefined,
    };
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
  // Kinds with fields of their own word the refusal otherwise than kinds with none.
  throw new SelectorError(
    kind.group === "" || isCustom(kind)
      ? `field label not supported: ${path}`
      : `${JSON.stringify(path)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}
