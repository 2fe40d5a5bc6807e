/** Aggregated discovery (KEP-3352): everything that is served, in two documents, so that kubectl needs two requests. */
import type { Kind, Subresource } from "../../api/kinds.ts";
import { parseAccept } from "../media.ts";
import type { GroupVersions } from "./groups.ts";

export const aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** whether the client takes the aggregated document, and prefers it to the plain one */
export function wantsAggregated(accept: string | undefined): boolean {
  for (const { type, parameters } of parseAccept(accept ?? "")) {
    const { g, v, as } = parameters;
    const json = type === "application/json" || type === "application/*" || type === "*/*";
    if (json && g === "apidiscovery.k8s.io" && v === "v2" && as === "APIGroupDiscoveryList") return true;
    if (json && as === undefined) return false;
  }
  return false;
}

export function groupDiscoveryList(groups: readonly GroupVersions[]) {
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: group === "" ? {} : { name: group },
      versions: versions.map(({ version, kinds }) => ({ version, resources: kinds.map(resource), freshness: "Current" })),
    })),
  };
}

function resource(kind: Kind) {
  return {
    resource: kind.plural,
    responseKind: { group: "", version: "", kind: kind.kind },
    scope: kind.namespaced ? "Namespaced" : "Cluster",
    singularResource: kind.singular,
    verbs: [...kind.verbs].toSorted(),
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
    ...(kind.subresources.length === 0 ? {} : { subresources: sorted(kind.subresources).map((each) => subresource(kind, each)) }),
  };
}

function subresource(parent: Kind, { name, verbs, kind }: Subresource) {
  return {
    subresource: name,
    responseKind: kind === undefined ? { group: "", version: "", kind: parent.kind } : relative(parent, kind),
    verbs: [...verbs].toSorted(),
  };
}

/** group and version are left empty where they are those of the parent */
function relative(parent: Kind, kind: NonNullable<Subresource["kind"]>) {
  const same = kind.group === parent.group && kind.version === parent.version;
  return same ? { group: "", version: "", kind: kind.kind } : { group: kind.group, version: kind.version, kind: kind.kind };
}

export function sorted(subresources: readonly Subresource[]): readonly Subresource[] {
  return [...subresources].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
