/** Where the generator starts: the served kinds, and the kinds that only travel in requests and answers. */
import { builtInRows } from "../../core/api/kinds/built-in-rows.ts";

export interface Root {
  /** Go import path */
  readonly path: string;
  readonly name: string;
}

const meta = "k8s.io/apimachinery/pkg/apis/meta/v1";
const core = "k8s.io/api/core/v1";

const travelling: readonly Root[] = [
  ...[
    "APIGroup", "APIGroupList", "APIResourceList", "APIVersions", "Condition", "CreateOptions", "DeleteOptions", "GetOptions",
    "ListOptions", "PartialObjectMetadata", "PartialObjectMetadataList", "PatchOptions", "Status", "UpdateOptions", "WatchEvent",
  ].map((name) => ({ path: meta, name })),
  ...[
    "NodeProxyOptions", "PodAttachOptions", "PodExecOptions", "PodLogOptions", "PodPortForwardOptions", "PodProxyOptions",
    "ServiceProxyOptions",
  ].map((name) => ({ path: core, name })),
  { path: "k8s.io/api/autoscaling/v1", name: "Scale" },
  { path: "k8s.io/api/policy/v1", name: "Eviction" },
  { path: "k8s.io/api/authentication/v1", name: "TokenRequest" },
  { path: "k8s.io/api/admission/v1", name: "AdmissionReview" },
];

export function goPathOf(models: string): string {
  return `k8s.io/${models.slice("io.k8s.".length).replaceAll(".", "/")}`;
}

export const roots: readonly Root[] = [
  ...builtInRows
    .filter((row) => row.models.startsWith("io.k8s."))
    .flatMap((row) => {
      const path = goPathOf(row.models);
      const list = row.verbs.includes("list") ? [{ path, name: `${row.kind}List` }] : [];
      return [{ path, name: row.kind }, ...list];
    }),
  ...travelling,
];
