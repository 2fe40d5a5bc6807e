/** POST pods/<name>/binding (and the older POST bindings): the scheduler's decision becomes part of the pod, once. */
import { timestamp } from "../../api/clock.ts";
import type { AnyObject } from "../../api/meta.ts";
import { PODS } from "../../api/resources.gen.ts";
import { ApiError, badRequest, conflict } from "../../api/status.ts";
import type { Binding, Pod, PodCondition } from "../../api/types.gen.ts";
import { uidMismatch } from "../change.ts";
import { kindOf } from "../context.ts";
import { modified } from "../store-errors.ts";
import { touch } from "../touch.ts";
import type { CreateHandler } from "../virtual.ts";
import { created } from "../virtual.ts";

const BINDING = { group: "", plural: "pods/binding" };

export const bind: CreateHandler = async ({ context, namespace, name, object, options }) => {
  const binding = object as unknown as Binding;
  const pod = name ?? binding.metadata.name ?? "";
  if (binding.metadata.name !== pod) throw badRequest("name in URL does not match name in Binding object");
  const node = nodeOf(binding);
  const pods = kindOf(context, PODS);
  await touch(context, pods, { namespace, name: pod }, options.dryRun === true, (old) => {
    const { uid, resourceVersion } = binding.metadata;
    // the older path makes a Binding like any new object, which has no uid yet
    if (name !== undefined && uid !== undefined && uid !== old.metadata.uid) {
      throw uidMismatch(pods, { namespace, name }, { asked: uid, stored: old.metadata.uid ?? "" }, options.dryRun === true);
    }
    if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) throw modified(pods, pod);
    return assigned(old as AnyObject & Pod, node, binding, timestamp(context.clock.now()));
  });
  return created;
};

/** Kubernetes answers these with 500: they are mistakes of a scheduler, not of a user. */
function nodeOf({ target }: Binding): string {
  const { kind = "", name = "" } = target;
  if (kind !== "" && kind !== "Node") {
    throw new ApiError("InternalError", `target.kind: Unsupported value: ${JSON.stringify(kind)}: supported values: "Node", "<empty>"`, {
      unnamed: true,
    });
  }
  if (name === "") throw new ApiError("InternalError", "target.name: Required value", { unnamed: true });
  return name;
}

/** The pod on its node; labels and annotations of the binding go with it. Pure. */
function assigned(pod: AnyObject & Pod, node: string, binding: Binding, now: string): AnyObject {
  const { name = "", deletionTimestamp } = pod.metadata;
  if (deletionTimestamp !== undefined) throw conflict(BINDING, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  const bound = pod.spec?.nodeName ?? "";
  if (bound !== "") throw conflict(BINDING, name, `pod ${name} is already assigned to node ${JSON.stringify(bound)}`);
  if ((pod.spec?.schedulingGates?.length ?? 0) > 0) throw conflict(BINDING, name, `pod ${name} has non-empty .spec.schedulingGates`);
  const { labels, annotations } = binding.metadata;
  const scheduled: PodCondition = { type: "PodScheduled", status: "True", lastTransitionTime: now };
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== scheduled.type);
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(labels === undefined ? {} : { labels: { ...pod.metadata.labels, ...labels } }),
      ...(annotations === undefined ? {} : { annotations: { ...pod.metadata.annotations, ...annotations } }),
    },
    spec: { ...pod.spec, nodeName: node },
    status: { ...pod.status, conditions: [...others, scheduled] },
  };
}
