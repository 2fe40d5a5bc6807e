/** Kinds that Kubernetes serves with a warning. */
import type { Kind } from "../api/kinds.ts";

const replacements: { readonly [resource: string]: string } = {
  "/v1/componentstatuses": "v1 ComponentStatus is deprecated in v1.19+",
  "/v1/endpoints": "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
};

export function deprecation(kind: Kind): string | undefined {
  return kind.hooks.deprecation ?? replacements[`${kind.group}/${kind.version}/${kind.plural}`];
}
