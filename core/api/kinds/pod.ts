/** Pods: defaults, what users may not set, deletion with a grace period, selectors and columns. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { Pod } from "../types.gen.ts";
import { podColumns } from "./pod-columns.ts";
import { defaultPodSpec } from "./pod-spec-defaults.ts";
import { qosClass } from "./pod-qos.ts";
import { fill } from "./fill.ts";

export const podHooks: KindHooks = {
  setDefaults: (object) => {
    const pod = object as unknown as Pod;
    if (pod.spec === undefined) return object;
    const spec = fill(defaultPodSpec(pod.spec), { enableServiceLinks: true });
    return spec === pod.spec ? object : ({ ...pod, spec } as unknown as AnyObject);
  },
  prepareForCreate: (object) => {
    const pod = object as unknown as Pod;
    const conditions = (pod.spec?.schedulingGates ?? []).length === 0 ? {} : { conditions: [gated] };
    return { ...object, status: { phase: "Pending", qosClass: qosClass(pod.spec), ...conditions } };
  },
  prepareForUpdate: (object, old) => ({ ...object, status: old["status"] }),
  gracePeriod: (object, asked) => {
    const pod = object as unknown as Pod;
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
};

const gated = { type: "PodScheduled", status: "False", reason: "SchedulingGated", message: "Scheduling is blocked due to non-empty scheduling gates" };

function text(read: (pod: Pod) => string | undefined): (object: AnyObject) => string {
  return (object) => read(object as unknown as Pod) ?? "";
}
