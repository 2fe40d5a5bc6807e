/**
 * The row of a kind that is only the form of a subresource: a Scale, a TokenRequest. It has no place of its own, but its
 * fields are decoded, compared and owned like those of any kind.
 */
import type { Kind, KindHooks } from "../../api/kinds.ts";
import { types } from "../../api/schema/facts.ts";
import type { TokenRequestSpec } from "../../api/types.gen.ts";

const made = new Map<string, Kind>();

/** `model` is the OpenAPI name of its type ("io.k8s.api.autoscaling.v1.Scale"). */
export function formKind(group: string, version: string, model: string): Kind {
  let row = made.get(model);
  if (row === undefined) made.set(model, (row = rowOf(group, version, model)));
  return row;
}

/** Defaults beyond the schema. */
const DEFAULTS: { readonly [kind: string]: NonNullable<KindHooks["setDefaults"]> } = {
  TokenRequest: (object) => {
    const { expirationSeconds, ...spec } = (object as { readonly spec?: TokenRequestSpec }).spec ?? { audiences: [] };
    return { ...object, spec: { ...spec, expirationSeconds: expirationSeconds || TOKEN_SECONDS } };
  },
};

const TOKEN_SECONDS = 3_600;

function rowOf(group: string, version: string, model: string): Kind {
  const kind = model.slice(model.lastIndexOf(".") + 1);
  const setDefaults = Object.hasOwn(DEFAULTS, kind) ? DEFAULTS[kind] : undefined;
  const singular = kind.toLowerCase();
  const nothing = { shortNames: [], categories: [], verbs: [], subresources: [], hooks: setDefaults === undefined ? {} : { setDefaults } };
  return { group, version, kind, listKind: `${kind}List`, plural: `${singular}s`, singular, namespaced: true, schema: types().get(model), storageVersion: version, ...nothing };
}
