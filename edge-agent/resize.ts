/**
 * Resizing in place (KEP-1287): the spec says what a container should have, the memory what it runs with; here is
 * decided whether the difference can be made up, and how. Pure.
 */
import { outOf, refusal, type Room } from "./admit.ts";
import type { Container, Pod, ResourceRequirements } from "../core/api/types.gen.ts";
import { container as memoryOf, type PodMemory, type Problem } from "./memory.ts";
import { podRequests } from "./pod-resources.ts";
import { quantity } from "./quantity.ts";
import { isSidecar } from "./restart-policy.ts";
import type { RunningContainer } from "./runtimes/runtime.ts";

const RESIZABLE = ["cpu", "memory"] as const;
const SIDES = ["requests", "limits"] as const;

/** What a container runs with; undefined: an agent before this one started it, and its spec may have changed since. */
export function appliedResources(pod: Pod, memory: PodMemory, container: Container, found: RunningContainer): ResourceRequirements | undefined {
  const { applied } = memoryOf(memory, container.name);
  if (applied?.id === found.id) return applied.resources;
  return (pod.metadata.generation ?? 1) > 1 ? undefined : (container.resources ?? {});
}

/** Resources whose amounts differ. */
export function changedResources(wanted: ResourceRequirements | undefined, applied: ResourceRequirements): readonly string[] {
  return RESIZABLE.filter((resource) => SIDES.some((side) => amount(wanted, side, resource) !== amount(applied, side, resource)));
}

/** One of these resources is taken over only by a restart. */
export function resizeRestarts({ resizePolicy = [] }: Container, changed: readonly string[]): boolean {
  return resizePolicy.some(({ resourceName, restartPolicy }) => restartPolicy === "RestartContainer" && changed.includes(resourceName));
}

/** Why the pod cannot have what it wants at this moment; undefined: it can. */
export function resizeProblem(pod: Pod, room: Room): (Problem & { readonly reason: "Infeasible" | "Deferred" }) | undefined {
  const wanted = podRequests(pod);
  for (const resource of RESIZABLE) {
    const capacity = quantity(room.allocatable[resource] ?? "0");
    const { message } = outOf(resource, wanted[resource] ?? 0, 0, capacity);
    if ((wanted[resource] ?? 0) > capacity) return { reason: "Infeasible", message: message.replace("resource: ", "capacity: ").replace(/, used: 0/, "") };
  }
  const problem = refusal(pod, room);
  return problem === undefined ? undefined : { reason: "Deferred", message: problem.message };
}

/** Whether the pod's own amounts (KEP-5419) have to be set; "quietly": nobody knows what was set, and doing it again does no harm. */
export function podResizeDue({ metadata, spec }: Pod, memory: PodMemory): "due" | "quietly" | undefined {
  if (spec?.resources === undefined) return undefined;
  if (memory.podResources === undefined) return (metadata.generation ?? 1) > 1 ? "quietly" : undefined;
  return changedResources(spec.resources, memory.podResources).length > 0 ? "due" : undefined;
}

/** How events name a resize: everything that the pod asks for now. */
export function resizeText({ metadata, spec }: Pod, error?: string): string {
  const sidecars = named((spec?.initContainers ?? []).filter(isSidecar));
  return JSON.stringify({ ...(sidecars.length === 0 ? {} : { initContainers: sidecars }), containers: named(spec?.containers ?? []), generation: metadata.generation, ...(error === undefined ? {} : { error }) });
}

function named(containers: readonly Container[]): readonly object[] {
  return containers.map(({ name, resources = {} }) => ({ name, resources }));
}

function amount(resources: ResourceRequirements | undefined, side: "requests" | "limits", resource: string): number | undefined {
  const text = resources?.[side]?.[resource];
  return text === undefined ? undefined : quantity(text);
}
