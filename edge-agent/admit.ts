/**
 * Whether this device can take a pod at all. The scheduler decided so on what it knew; a pod that was bound by hand, or
 * twice into the last room, is refused here with kubelet's words. Checked once, before anything of the pod exists.
 */
import type { Pod } from "../core/api/types.gen.ts";
import { rejectionMessage } from "./eviction/messages.ts";
import type { PressureType } from "./eviction/pressure.ts";
import { isCritical } from "./eviction/rank.ts";
import type { Problem } from "./memory.ts";
import { podRequests } from "./pod-resources.ts";
import { qosClass } from "./qos.ts";
import { quantity } from "./quantity.ts";
import { isSidecar } from "./restart-policy.ts";

export interface NodeFeatures {
  readonly appArmor: boolean;
  /** the groups of a pod without those of its image */
  readonly strictGroups: boolean;
}

export interface Room {
  readonly allocatable: { readonly [resource: string]: string };
  /** what its kernel and its runtime can do; absent: everything */
  readonly features?: NodeFeatures | undefined;
  /** pods that are here and not over */
  readonly others: readonly Pod[];
  readonly pressure?: readonly PressureType[];
}

/** undefined: it may run */
export function refusal(pod: Pod, { allocatable, others, pressure = [], features }: Room): Problem | undefined {
  if (suffers(pod, pressure)) return { reason: "Evicted", message: rejectionMessage(pressure) };
  const os = pod.spec?.os?.name;
  if (os !== undefined && os !== "linux") return { reason: "PodOSNotSupported", message: "Failed to admit pod as the OS field doesn't match node OS" };
  const unsafe = (pod.spec?.securityContext?.sysctls ?? []).find(({ name }) => !SAFE_SYSCTLS.has(name));
  if (unsafe !== undefined) return { reason: "SysctlForbidden", message: `forbidden sysctl: "${unsafe.name}" not allowlisted` };
  const lacking = features === undefined ? undefined : missingFeature(pod, features);
  if (lacking !== undefined) return lacking;
  const taken = new Set(others.flatMap(hostPorts));
  if (hostPorts(pod).some((port) => taken.has(port))) return { reason: "NodePorts", message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports" };
  const room = Number(allocatable["pods"] ?? Number.POSITIVE_INFINITY);
  if (others.length + 1 > room) return outOf("pods", 1, others.length, room);
  const used = others.map(podRequests);
  for (const [resource, wanted] of Object.entries(podRequests(pod))) {
    if (wanted === 0 || (allocatable[resource] === undefined && isExtended(resource))) continue;
    const capacity = allocatable[resource] === undefined ? 0 : quantity(allocatable[resource]);
    const busy = used.reduce((sum, each) => sum + (each[resource] ?? 0), 0);
    if (wanted + busy > capacity * (1 + ROUNDING)) return outOf(resource, wanted, busy, capacity);
  }
  return undefined;
}

/** Counted by somebody else when the device knows nothing of it: kubelet lets such pods in, too. */
function isExtended(resource: string): boolean {
  return resource.includes("/") && !/(^|\.)kubernetes\.io\//.test(resource);
}

/** A device in need takes only what it cannot do without; short of memory, also pods that said how much they need. */
function suffers(pod: Pod, pressure: readonly PressureType[]): boolean {
  if (pressure.length === 0 || isCritical(pod)) return false;
  if (pressure.some((condition) => condition !== "MemoryPressure")) return true;
  const tolerates = (pod.spec?.tolerations ?? []).some(({ key, effect }) => (key ?? MEMORY_TAINT) === MEMORY_TAINT && (effect ?? "NoSchedule") === "NoSchedule");
  return qosClass(pod) === "BestEffort" && !tolerates;
}

function missingFeature(pod: Pod, { appArmor, strictGroups }: NodeFeatures): Problem | undefined {
  const contexts = [pod.spec?.securityContext, ...[...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map(({ securityContext }) => securityContext)];
  const confined = contexts.some((context) => context?.appArmorProfile !== undefined && context.appArmorProfile.type !== "Unconfined");
  if (confined && !appArmor) return { reason: "AppArmor", message: "Cannot enforce AppArmor: AppArmor is not enabled on the host" };
  if (pod.spec?.securityContext?.supplementalGroupsPolicy !== "Strict" || strictGroups) return undefined;
  return { reason: "SupplementalGroupsPolicyNotSupported", message: "SupplementalGroupsPolicy=Strict is not supported in this node" };
}

const MEMORY_TAINT = "node.kubernetes.io/memory-pressure";

/** Those that a pod can change without touching its neighbours (Kubernetes documentation, "Safe and unsafe sysctls"). */
const SAFE_SYSCTLS = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
]);
/** Sums of decimal fractions. */
const ROUNDING = 1e-9;

export function outOf(resource: string, wanted: number, used: number, capacity: number): Problem {
  const unit = resource === "cpu" ? 1000 : 1;
  const [requested, busy, room] = [wanted, used, capacity].map((amount) => Math.round(amount * unit));
  return { reason: `OutOf${resource}`, message: `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${busy}, capacity: ${room}` };
}

function hostPorts(pod: Pod): string[] {
  const containers = [...(pod.spec?.initContainers ?? []).filter(isSidecar), ...(pod.spec?.containers ?? [])];
  return containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, protocol = "TCP", containerPort }) => {
      const port = pod.spec?.hostNetwork === true ? (hostPort ?? containerPort) : hostPort;
      return port === undefined || port === 0 ? [] : [`${protocol} ${port}`];
    }),
  );
}
