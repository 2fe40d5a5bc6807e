/**
 * ResourceQuota: an object that would exceed a quota of its namespace is refused. What it uses is added to the quota's
 * status by compare-and-swap before the object is stored, so that many requests at once cannot all fit into the same
 * rest. The quota controller takes back what was charged for objects that were not stored after all.
 */
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import type { Quantity } from "../api/quantity.ts";
import { addQuantities, compareQuantities, formatQuantity, parseQuantity, subtractQuantities } from "../api/quantity.ts";
import { RESOURCE_QUOTAS } from "../api/resources.gen.ts";
import type { Pod, ResourceQuota } from "../api/types.gen.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { forbidden } from "./forbidden.ts";
import type { Lookup } from "./lookup.ts";

export type Usage = ReadonlyMap<string, Quantity>;

/** Changes an object of the server's own accord, again with the newer one when another writer was faster. */
export type Revise = (
  resource: { readonly group: string; readonly version: string; readonly plural: string },
  target: { readonly namespace: string; readonly name: string },
  next: (old: AnyObject) => AnyObject,
) => Promise<AnyObject>;

export interface ResourceQuotaParts {
  readonly lookup: Pick<Lookup, "list">;
  readonly revise: Revise;
  /** what an object uses, by quota resource name; undefined for kinds that only count */
  readonly usageOf: (kind: Kind, object: AnyObject) => Usage | undefined;
  /** whether the scopes of a quota take a pod in */
  readonly inScope: (quota: ResourceQuota, pod: Pod) => boolean;
}

const ZERO = parseQuantity("0");
const ONE = parseQuantity("1");
/** A quota on one of these makes every container say how much of it it wants. */
const COMPUTE = new Set(["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"]);
const SHORT = new Set(["configmaps", "secrets", "replicationcontrollers", "resourcequotas", "services", "persistentvolumeclaims"]);

export function resourceQuota({ lookup, revise, usageOf, inScope }: ResourceQuotaParts): AdmissionPlugin {
  const used = (kind: Kind, object: AnyObject): Usage => usageOf(kind, object) ?? countOf(kind);
  const matches = (quota: ResourceQuota, { kind, object }: AdmissionRequest): boolean => {
    const scoped = (quota.spec?.scopes?.length ?? 0) > 0 || quota.spec?.scopeSelector !== undefined;
    if (!scoped) return true;
    return kind.group === "" && kind.plural === "pods" && inScope(quota, object as unknown as Pod);
  };
  return {
    name: "ResourceQuota",
    handles: ({ kind, operation, subresource, object }) =>
      kind.namespaced && object !== undefined && subresource === undefined && (operation === "CREATE" || (operation === "UPDATE" && changesUsage(kind))),
    async validate(request) {
      const { kind, object, old, name, namespace = "", dryRun } = request;
      if (object === undefined) return;
      const quotas = (await lookup.list(RESOURCE_QUOTAS, namespace)).filter((quota) => matches(quota, request));
      if (quotas.length === 0) return;
      const delta = increase(used(kind, object), old === undefined ? new Map() : used(kind, old));
      const charges = quotas.map((quota) => ({ quota, asked: within(quota, delta) })).filter(({ asked }) => asked.size > 0);
      for (const quota of quotas) requireCompute(quota, request);
      for (const { quota, asked } of charges) requireRoom(quota, asked, kind, name);
      if (dryRun) return;
      for (const { quota, asked } of charges) {
        await revise(RESOURCE_QUOTAS, { namespace, name: quota.metadata.name ?? "" }, (stored) => {
          const current = stored as unknown as ResourceQuota;
          requireRoom(current, asked, kind, name);
          return charged(stored, current, asked);
        });
      }
    },
  };
}

const changesUsage = (kind: Kind) => kind.group === "" && ["pods", "services", "persistentvolumeclaims"].includes(kind.plural);

function countOf({ group, plural }: Kind): Usage {
  const usage = new Map([[group === "" ? `count/${plural}` : `count/${plural}.${group}`, ONE]]);
  if (group === "" && SHORT.has(plural)) usage.set(plural, ONE);
  return usage;
}

/** What is used more than before. */
function increase(now: Usage, before: Usage): Usage {
  const delta = new Map<string, Quantity>();
  for (const [name, amount] of now) {
    const more = subtractQuantities(amount, before.get(name) ?? ZERO);
    if (more.nanos > 0n) delta.set(name, more);
  }
  return delta;
}

function within(quota: ResourceQuota, delta: Usage): Usage {
  return new Map([...delta].filter(([name]) => quota.spec?.hard?.[name] !== undefined));
}

function requireRoom({ metadata, spec, status }: ResourceQuota, asked: Usage, kind: Kind, name: string): void {
  const quota = metadata.name ?? "";
  const hard = status?.hard ?? spec?.hard ?? {};
  const used = status?.used;
  const unknown = [...asked.keys()].filter((resource) => used?.[resource] === undefined);
  if (unknown.length > 0) throw forbidden(kind, name, `status unknown for quota: ${quota}, resources: ${unknown.toSorted().join(",")}`);
  const over = [...asked].filter(([resource, amount]) => {
    const limit = hard[resource];
    return limit !== undefined && compareQuantities(addQuantities(parseQuantity(used?.[resource] ?? "0"), amount), parseQuantity(limit)) > 0;
  });
  if (over.length === 0) return;
  const names = over.map(([resource]) => resource).toSorted();
  const show = (of: (resource: string) => string | undefined) => names.map((resource) => `${resource}=${of(resource) ?? "0"}`).join(",");
  const requested = show((resource) => formatQuantity(asked.get(resource) ?? ZERO));
  throw forbidden(kind, name, `exceeded quota: ${quota}, requested: ${requested}, used: ${show((resource) => used?.[resource])}, limited: ${show((resource) => hard[resource])}`);
}

function charged(stored: AnyObject, { status }: ResourceQuota, asked: Usage): AnyObject {
  const used: { [resource: string]: string } = { ...status?.used };
  for (const [resource, amount] of asked) used[resource] = formatQuantity(addQuantities(parseQuantity(used[resource] ?? "0"), amount));
  return { ...stored, status: { ...status, used } };
}

/** Without a number there is nothing to count: such a pod is refused, with all that is missing. */
function requireCompute({ metadata, spec }: ResourceQuota, { kind, object, operation, name }: AdmissionRequest): void {
  if (kind.group !== "" || kind.plural !== "pods" || operation !== "CREATE") return;
  const pod = (object as unknown as Pod).spec;
  const containers = [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])];
  const missing = Object.keys(spec?.hard ?? {})
    .filter((resource) => COMPUTE.has(resource))
    .toSorted()
    .flatMap((resource) => {
      const side = resource.startsWith("limits.") ? "limits" : "requests";
      const plain = resource.replace(/^(limits|requests)\./, "");
      const without = containers.filter(({ resources }) => (resources?.[side] as { readonly [key: string]: string } | undefined)?.[plain] === undefined);
      return without.length === 0 ? [] : [`${resource} for: ${without.map((container) => container.name).join(",")}`];
    });
  if (missing.length > 0) throw forbidden(kind, name, `failed quota: ${metadata.name}: must specify ${missing.join("; ")}`);
}
