/**
 * The row of a kind that is only the form of a subresource: a Scale, a TokenRequest. It has no place of its own, but its
 * fields are decoded, compared and owned like those of any kind.
 */
import type { Kind } from "../../api/kinds.ts";
import { types } from "../../api/schema/facts.ts";

const made = new Map<string, Kind>();

/** `model` is the OpenAPI name of its type ("io.k8s.api.autoscaling.v1.Scale"). */
export function formKind(group: string, version: string, model: string): Kind {
  let row = made.get(model);
  if (row === undefined) made.set(model, (row = rowOf(group, version, model)));
  return row;
}

function rowOf(group: string, version: string, model: string): Kind {
  const kind = model.slice(model.lastIndexOf(".") + 1);
  const singular = kind.toLowerCase();
  const nothing = { shortNames: [], categories: [], verbs: [], subresources: [], hooks: {} };
  return { group, version, kind, listKind: `${kind}List`, plural: `${singular}s`, singular, namespaced: true, schema: types().get(model), storageVersion: version, ...nothing };
}
