/** Discovery before aggregation: one document per group and per version. */
import type { Kind } from "../../api/kinds.ts";
import { apiVersionOf } from "../../api/meta.ts";
import { sorted } from "./aggregated.ts";
import type { GroupVersions } from "./groups.ts";

export function apiVersions(address: string) {
  return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: address }] };
}

export function apiGroupList(groups: readonly GroupVersions[]) {
  return { kind: "APIGroupList", apiVersion: "v1", groups: groups.filter((each) => each.group !== "").map(entry) };
}

export function apiGroup(group: GroupVersions) {
  return { kind: "APIGroup", apiVersion: "v1", ...entry(group) };
}

function entry({ group, versions }: GroupVersions) {
  const named = versions.map(({ version }) => ({ groupVersion: apiVersionOf({ group, version }), version }));
  return { name: group, versions: named, preferredVersion: named[0] };
}

/** the core list has no apiVersion, all others do: so has it been since v1.0 */
export function apiResourceList(group: string, version: string, kinds: readonly Kind[]) {
  return {
    kind: "APIResourceList",
    ...(group === "" ? {} : { apiVersion: "v1" }),
    groupVersion: apiVersionOf({ group, version }),
    resources: kinds.flatMap((kind) => [resource(kind), ...sorted(kind.subresources).map((each) => subresource(kind, each))]),
  };
}

function resource(kind: Kind) {
  return {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: [...kind.verbs].toSorted(),
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
  };
}

function subresource(parent: Kind, { name, kind, verbs }: Kind["subresources"][number]) {
  const foreign = kind !== undefined && (kind.group !== parent.group || kind.version !== parent.version);
  return {
    name: `${parent.plural}/${name}`,
    singularName: "",
    namespaced: parent.namespaced,
    ...(foreign ? { group: kind.group, version: kind.version } : {}),
    kind: kind?.kind ?? parent.kind,
    verbs: [...verbs].toSorted(),
  };
}
