/** The pod as its own containers may see it: field and resource references of env and downwardAPI volumes. */
import type { Container, ObjectFieldSelector, Pod, ResourceFieldSelector } from "../core/api/types.gen.ts";
import { allContainers } from "./containers.ts";
import { quantity } from "./quantity.ts";

export interface DownwardFacts {
  readonly pod: Pod;
  readonly nodeName: string;
  readonly hostIPs: readonly string[];
  readonly podIPs: readonly string[];
  /** what a container without limits may use */
  readonly allocatable: { readonly [resource: string]: string };
}

/** @throws Error when the path is not one that Kubernetes supports */
export function fieldValue({ pod, nodeName, hostIPs, podIPs }: DownwardFacts, { fieldPath = "" }: Partial<ObjectFieldSelector>): string {
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (subscript !== null) return pod.metadata[subscript[1] as "labels" | "annotations"]?.[subscript[2] ?? ""] ?? "";
  switch (fieldPath) {
    case "metadata.name":
      return pod.metadata.name ?? "";
    case "metadata.namespace":
      return pod.metadata.namespace ?? "";
    case "metadata.uid":
      return pod.metadata.uid ?? "";
    case "metadata.labels":
      return lines(pod.metadata.labels);
    case "metadata.annotations":
      // kubelet's own two, which programs see as well
      return lines({ "kubernetes.io/config.seen": pod.metadata.creationTimestamp ?? "", "kubernetes.io/config.source": "api", ...pod.metadata.annotations });
    case "spec.nodeName":
      return nodeName;
    case "spec.serviceAccountName":
      return pod.spec?.serviceAccountName ?? "";
    case "status.hostIP":
      return hostIPs[0] ?? "";
    case "status.hostIPs":
      return hostIPs.join(",");
    case "status.podIP":
      return podIPs[0] ?? "";
    case "status.podIPs":
      return podIPs.join(",");
    default:
      throw new Error(`unsupported fieldPath: ${fieldPath}`);
  }
}

/** Sorted `key="value"` lines with Go's quoting, as kubelet writes them. */
function lines(map: { readonly [key: string]: string } | undefined): string {
  return Object.entries(map ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}

/** @throws Error on an unknown container or resource */
export function resourceValue({ pod, allocatable }: DownwardFacts, selector: Partial<ResourceFieldSelector>, own: Container | undefined): string {
  const { resource = "", divisor, containerName } = selector;
  const container = containerName === undefined || containerName === "" ? own : allContainers(pod).find(({ name }) => name === containerName);
  if (container === undefined) throw new Error(`container ${containerName} not found`);
  const [kind, ...rest] = resource.split(".");
  const name = rest.join(".");
  if (kind !== "limits" && kind !== "requests") throw new Error(`unsupported container resource: ${resource}`);
  const given = container.resources?.[kind]?.[name] ?? (kind === "limits" ? allocatable[name] : undefined) ?? "0";
  const unit = divisor === undefined || divisor === "0" || divisor === "" ? 1 : quantity(divisor);
  return String(Math.ceil(Number((quantity(given) / unit).toPrecision(12))));
}
