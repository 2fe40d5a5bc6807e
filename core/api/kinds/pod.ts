/** Pods: defaults, what users may not set, which updates each subresource allows, deletion with a grace period, selectors. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { Container, Pod, PodIP, PodSpec, PodStatus } from "../types.gen.ts";
import { fill, mapAll, mapField, without } from "./fill.ts";
import { change, checking, checkingUpdate } from "./hook-types.ts";
import { podColumns } from "./pod-columns.ts";
import { defaultHostPorts, defaultPodRequests, defaultPodSpec, defaultRequests } from "./pod-spec-defaults.ts";
import { joinLabelKeys } from "./pod-label-keys.ts";
import { podWarnings } from "./pod-warnings.ts";
import { qosClass } from "./pod-qos.ts";
import { joined } from "./singular-and-list.ts";
import { validatePodCreate } from "./validate/pod.ts";
import { validatePodStatusUpdate } from "./validate/pod-status.ts";
import { validateEphemeralUpdate, validateResize } from "./validate/pod-subresources.ts";
import { validatePodUpdate } from "./validate/pod-update.ts";

const asPod = (object: AnyObject) => object as unknown as Pod;

export const podHooks: KindHooks = {
  generation: "spec",
  setDefaults: change<Pod>((pod) => mapField(pod, "spec", (spec) => fill(defaultPodRequests(mapContainers(defaultHostPorts(defaultPodSpec(spec)), defaultRequests)), { enableServiceLinks: true }))),
  prepareForCreate: (object) => {
    const pod = asPod(object);
    const conditions = (pod.spec?.schedulingGates ?? []).length === 0 ? {} : { conditions: [{ ...gated, lastTransitionTime: pod.metadata.creationTimestamp ?? null }] };
    const spec = pod.spec === undefined ? {} : { spec: joinLabelKeys(pod.spec, pod.metadata.labels) };
    return { ...object, ...spec, status: { phase: "Pending", qosClass: qosClass(pod.spec), ...conditions } };
  },
  prepareForUpdate: (object, old) => ({ ...object, status: old["status"] }),
  validate: checking(validatePodCreate),
  validateUpdate: checkingUpdate(validatePodUpdate),
  mergeSubresource: {
    status: (update, old) => {
      const metadata = without(update.metadata, "ownerReferences", "deletionTimestamp");
      const { ownerReferences, deletionTimestamp } = old.metadata;
      const kept = { ...(ownerReferences === undefined ? {} : { ownerReferences }), ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) };
      const status = without(withAddresses({ ...(update["status"] as PodStatus | undefined) }), "nodeAllocatableResourceClaimStatuses");
      const { qosClass: quality } = asPod(old).status ?? {};
      return { ...old, metadata: { ...metadata, ...kept }, status: quality === undefined ? status : fill(status, { qosClass: quality }) };
    },
  },
  validateSubresource: {
    binding: () => [],
    ephemeralcontainers: checkingUpdate(validateEphemeralUpdate),
    resize: checkingUpdate(validateResize),
    status: checkingUpdate(validatePodStatusUpdate),
  },
  // people do not update pods; what a controller is told again and again helps nobody
  warnings: (object, old) => (old === undefined ? podWarnings(asPod(object)) : []),
  gracePeriod: (object, asked) => {
    const pod = asPod(object);
    // nobody has to stop anything for a pod that no device ever got, or whose containers have ended
    if (pod.spec?.nodeName === undefined || pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") return 0;
    return asked ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  },
  selectableFields: {
    "spec.nodeName": text((pod) => pod.spec?.nodeName),
    "spec.restartPolicy": text((pod) => pod.spec?.restartPolicy),
    "spec.schedulerName": text((pod) => pod.spec?.schedulerName),
    "spec.serviceAccountName": text((pod) => pod.spec?.serviceAccountName),
    "spec.hostNetwork": text((pod) => String(pod.spec?.hostNetwork ?? false)),
    "status.phase": text((pod) => pod.status?.phase),
    "status.podIP": text((pod) => pod.status?.podIP),
    "status.nominatedNodeName": text((pod) => pod.status?.nominatedNodeName),
  },
  columns: podColumns,
  rowConditions: (object) => {
    const { phase } = asPod(object).status ?? {};
    return phase === "Succeeded" || phase === "Failed" ? [{ type: "Completed", status: "True", reason: phase }] : [];
  },
};

function withAddresses(status: PodStatus): PodStatus {
  const { one, many } = joined<PodIP>(status.podIP, status.podIPs, ({ ip }) => ip ?? "", (ip) => ({ ip }));
  return { ...status, ...(one === undefined ? {} : { podIP: one }), ...(many === undefined ? {} : { podIPs: many }) };
}

const gated = { type: "PodScheduled", status: "False", lastProbeTime: null, reason: "SchedulingGated", message: "Scheduling is blocked due to non-empty scheduling gates" };

function mapContainers(spec: PodSpec, make: (container: Container) => Container): PodSpec {
  return mapField(mapField(spec, "containers", (list) => mapAll(list, make)), "initContainers", (list) => mapAll(list, make));
}

function text(read: (pod: Pod) => string | undefined): (object: AnyObject) => string {
  return (object) => read(asPod(object)) ?? "";
}
