/**
 * POST pods/<name>/eviction: a deletion that asks the pod's disruption budget first. The budget is decremented in the
 * store before the pod goes, so that many evictions at once cannot all use the same allowance.
 */
import type { DeleteOptions } from "../../api/client.ts";
import { timestamp } from "../../api/clock.ts";
import type { AnyObject } from "../../api/meta.ts";
import { POD_DISRUPTION_BUDGETS } from "../../api/resources.gen.ts";
import type { LabelSelector } from "../../api/selector.ts";
import { matchesLabels, selectorOf } from "../../api/selector.ts";
import { ApiError, badRequest } from "../../api/status.ts";
import type { Pod, PodDisruptionBudget } from "../../api/types.gen.ts";
import { forbidden } from "../../admission/forbidden.ts";
import { kindOf } from "../context.ts";
import { removeAuthorized } from "../delete.ts";
import { current } from "../get.ts";
import { lookupOf } from "../lookup.ts";
import { touch } from "../touch.ts";
import type { CreateHandler } from "../virtual.ts";
import { created } from "../virtual.ts";

/** Evictions that a budget remembers until its controller has seen them; beyond, the controller is not keeping up. */
const MAX_DISRUPTED = 2_000;
const RETRY_SECONDS = 10;
const DISRUPTION_TARGET = {
  type: "DisruptionTarget",
  status: "True",
  reason: "EvictionByEvictionAPI",
  message: "Eviction API: evicting",
} as const;

export const evict: CreateHandler = async ({ context, user, kind, namespace, name = "", object, options }) => {
  const eviction = object as AnyObject & { readonly deleteOptions?: DeleteOptions };
  if (eviction.metadata.name !== name) throw badRequest("name in URL does not match name in Eviction object");
  const target = { namespace, name };
  const pod = context.codec(kind).decode(current(context, kind, target)) as AnyObject & Pod;
  const dryRun = options.dryRun === true;
  if (!goesAnyway(pod)) {
    const budget = await budgetOf(pod);
    if (budget !== undefined) {
      const budgets = kindOf(context, POD_DISRUPTION_BUDGETS);
      const now = timestamp(context.clock.now());
      await touch(context, budgets, { namespace, name: budget.metadata.name ?? "" }, dryRun, (old) => charged(old as AnyObject & PodDisruptionBudget, pod, now));
    }
    await touch(context, kind, target, dryRun, (old) => doomed(old as AnyObject & Pod, timestamp(context.clock.now())));
  }
  await removeAuthorized(context, { user, kind, target, options: { ...eviction.deleteOptions, ...options }, admission: "none" });
  return created;

  async function budgetOf({ metadata }: Pod): Promise<PodDisruptionBudget | undefined> {
    const budgets = await lookupOf(context).list(POD_DISRUPTION_BUDGETS, namespace);
    const matching = budgets.filter(({ spec }) => matchesLabels(selectorOf((spec?.selector ?? {}) as LabelSelector), metadata.labels));
    if (matching.length > 1) {
      throw new ApiError("InternalError", "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
    }
    return matching[0];
  }
};

/** Pods that serve nobody, or are on their way out: no budget counts them. */
function goesAnyway({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined || ["Succeeded", "Failed", "Pending"].includes(status?.phase ?? "");
}

const isReady = ({ status }: Pod) => status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;

/** The budget with one disruption less. Pure. @throws ApiError "TooManyRequests", "Forbidden" */
function charged(budget: AnyObject & PodDisruptionBudget, pod: Pod, now: string): AnyObject {
  const { name = "", generation = 0 } = budget.metadata;
  const { observedGeneration = 0, disruptionsAllowed = 0, disruptedPods = {}, currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  if (!isReady(pod)) {
    if (budget.spec?.unhealthyPodEvictionPolicy === "AlwaysAllow") return budget;
    if (currentHealthy >= desiredHealthy && desiredHealthy > 0) return budget;
  }
  if (observedGeneration < generation) throw refused(`The disruption budget ${name} is still being processed by the server.`, RETRY_SECONDS);
  if (disruptionsAllowed < 0) throw forbidden(POD_DISRUPTION_BUDGETS, name, "pdb disruptions allowed is negative");
  if (Object.keys(disruptedPods).length > MAX_DISRUPTED) {
    throw forbidden(POD_DISRUPTION_BUDGETS, name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller");
  }
  if (disruptionsAllowed === 0) {
    throw refused(`The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`);
  }
  return {
    ...budget,
    status: {
      ...budget.status,
      disruptionsAllowed: disruptionsAllowed - 1,
      disruptedPods: { ...disruptedPods, [pod.metadata.name ?? ""]: now },
    },
  };
}

function refused(why: string, retryAfterSeconds?: number): ApiError {
  return new ApiError("TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.", {
    details: {
      causes: [{ reason: "DisruptionBudget", message: why }],
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
  });
}

function doomed(pod: AnyObject & Pod, now: string): AnyObject {
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== DISRUPTION_TARGET.type);
  return { ...pod, status: { ...pod.status, conditions: [...others, { ...DISRUPTION_TARGET, lastTransitionTime: now }] } };
}

