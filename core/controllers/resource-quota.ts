/** ResourceQuota status: what a namespace uses. Admission adds to it when objects are made; this follows what is deleted. */
import { sameJson } from "../api/json.ts";
import { parseApiVersion } from "../api/meta.ts";
import type { Resource } from "../api/client.ts";
import { formatQuantity, parseQuantity } from "../api/quantity.ts";
import { CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS, PODS, REPLICATION_CONTROLLERS, RESOURCE_QUOTAS, SECRETS, SERVICES } from "../api/resources.gen.ts";
import type { ResourceQuota } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import type { Usage } from "./quota-usage.ts";
import { claimUsage, inScope, podUsage, serviceUsage, stillCounts, sum } from "./quota-usage.ts";

/** Counts of kinds that are not watched here are taken again this often while a quota names them. */
const RECOUNT_MS = 5_000;
const SHORT_NAMES = new Set(["configmaps", "secrets", "replicationcontrollers", "resourcequotas"]);

export function resourceQuota(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "resourcequota-controller");
  const quotas = deps.informers.of(RESOURCE_QUOTAS);
  const pods = deps.informers.of(PODS);
  const services = deps.informers.of(SERVICES);
  const claims = deps.informers.of(PERSISTENT_VOLUME_CLAIMS);
  const counted = [deps.informers.of(CONFIG_MAPS), deps.informers.of(SECRETS), deps.informers.of(REPLICATION_CONTROLLERS)];
  const quotasOf = ({ metadata }: { readonly metadata: { readonly namespace?: string } }) =>
    quotas.list(metadata.namespace).map((quota) => `${quota.metadata.namespace}/${quota.metadata.name}`);

  function local(quota: ResourceQuota, now: number): Usage {
    const { namespace } = quota.metadata;
    const members = pods.list(namespace).filter((pod) => inScope(quota, pod) && stillCounts(pod, now)).map(podUsage);
    // scopes select pods: a quota that has some counts nothing else
    if ((quota.spec?.scopes ?? []).length > 0 || quota.spec?.scopeSelector !== undefined) return sum(members);
    return sum([...members, ...services.list(namespace).map(serviceUsage), ...claims.list(namespace).map(claimUsage)]);
  }

  /** "count/deployments.apps" and the short names of the oldest kinds; undefined: no such kind */
  function resourceOf(name: string): Resource | undefined {
    const text = name.startsWith("count/") ? name.slice("count/".length) : SHORT_NAMES.has(name) ? name : undefined;
    if (text === undefined) return undefined;
    const dot = text.indexOf(".");
    const [plural, group] = dot < 0 ? [text, ""] : [text.slice(0, dot), text.slice(dot + 1)];
    const kind = deps.kinds.all().find((each) => each.group === group && each.plural === plural && each.namespaced);
    return kind === undefined ? undefined : { group, version: parseApiVersion(`x/${kind.version}`).version, plural };
  }

  async function countOf(resource: Resource, namespace: string | undefined): Promise<number> {
    const watched = counted.find(({ resource: of }) => of.group === resource.group && of.plural === resource.plural);
    if (watched !== undefined) return watched.list(namespace).length;
    if (resource.group === "" && resource.plural === "resourcequotas") return quotas.list(namespace).length;
    const { items, metadata } = await client.list(resource, { namespace, limit: 1 });
    return items.length + (metadata.remainingItemCount ?? 0);
  }

  return {
    name: "resourcequota",
    watches: [
      watching(quotas, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]),
      watching(pods, quotasOf),
      watching(services, quotasOf),
      watching(claims, quotasOf),
      ...counted.map((informer) => watching(informer, quotasOf)),
    ],
    async reconcile(key) {
      const quota = quotas.get(key);
      if (quota === undefined) return undefined;
      const { namespace, name = "" } = quota.metadata;
      const usage = local(quota, deps.clock.now());
      const used: { [resource: string]: string } = {};
      let recount = false;
      for (const hard of Object.keys(quota.spec?.hard ?? {})) {
        const known = usage.get(hard);
        const resource = known === undefined ? resourceOf(hard) : undefined;
        if (known !== undefined) used[hard] = formatQuantity(known);
        else if (resource === undefined) used[hard] = formatQuantity(parseQuantity("0"));
        else {
          used[hard] = String(await countOf(resource, namespace));
          recount = true;
        }
      }
      const status = { hard: quota.spec?.hard ?? {}, used };
      if (!sameJson(status, quota.status)) await client.update(RESOURCE_QUOTAS, { namespace, name, subresource: "status" }, { ...quota, status });
      const ends = pods
        .list(namespace)
        .map(({ metadata }) => Date.parse(metadata.deletionTimestamp ?? "") - deps.clock.now())
        .filter((ms) => ms > 0);
      const waits = [...ends, ...(recount ? [RECOUNT_MS] : [])];
      return waits.length === 0 ? undefined : { afterMs: Math.min(...waits) };
    },
  };
}
