/** In which order clients try groups and versions: the priorities of APIServices as Kubernetes registers them. */
import type { Kind } from "../../api/kinds.ts";

export interface Priority {
  readonly group: number;
  readonly version: number;
}

const groups: { readonly [group: string]: number } = {
  "": 18_000,
  apps: 17_800,
  "events.k8s.io": 17_750,
  "authentication.k8s.io": 17_700,
  "authorization.k8s.io": 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  "certificates.k8s.io": 17_300,
  "networking.k8s.io": 17_200,
  policy: 17_100,
  "rbac.authorization.k8s.io": 17_000,
  "storage.k8s.io": 16_800,
  "apiextensions.k8s.io": 16_700,
  "admissionregistration.k8s.io": 16_700,
  "scheduling.k8s.io": 16_600,
  "coordination.k8s.io": 16_500,
  "node.k8s.io": 16_300,
  "discovery.k8s.io": 16_200,
  "flowcontrol.apiserver.k8s.io": 16_100,
  "resource.k8s.io": 15_900,
};

const versions: { readonly [groupVersion: string]: number } = {
  "/v1": 1,
  "events.k8s.io/v1": 5,
  "autoscaling/v2": 30,
  "flowcontrol.apiserver.k8s.io/v1": 21,
};

/** Groups of definitions come after all built-in ones. */
const CUSTOM: Priority = { group: 1_000, version: 100 };
const VERSION = 15;

export function priorityOf({ group, version }: Pick<Kind, "group" | "version">): Priority {
  const known = Object.hasOwn(groups, group) ? groups[group] : undefined;
  return known === undefined ? CUSTOM : { group: known, version: versions[`${group}/${version}`] ?? VERSION };
}
