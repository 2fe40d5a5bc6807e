/** Endpoints (core/v1): the older form of a Service's addresses, still read by many tools. */
import { sameJson } from "../api/json.ts";
import { ENDPOINTS, PODS, SERVICES } from "../api/resources.gen.ts";
import { matchesLabels } from "../api/selector.ts";
import { isReason, unlessGone } from "../api/status.ts";
import type { EndpointAddress, Endpoints, EndpointSubset, Service } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { servicesOf } from "./endpoint-slice.ts";
import type { PodEndpoint } from "./endpoint-state.ts";
import { endpointsOf, families, HEADLESS, isHeadless, podSelector, targetOf } from "./endpoint-state.ts";
import { canonicalJson, present } from "./json.ts";
import { podCondition } from "./pod-state.ts";
import { isTerminatingNamespace } from "./replicas.ts";

const MANAGED_BY = "endpoints.kubernetes.io/managed-by";
const TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time";
const OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity";
/** More addresses than this are left out, with an annotation that says so. */
const CAPACITY = 1000;

const keyOf = ({ metadata }: Service | Endpoints) => `${metadata.namespace}/${metadata.name}`;

export function endpoints(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "endpoint-controller");
  const services = deps.informers.of(SERVICES);
  const pods = deps.informers.of(PODS);
  const all = deps.informers.of(ENDPOINTS);

  async function reconcile(key: string): Promise<undefined> {
    const service = services.get(key);
    const there = all.get(key);
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) {
      if (service === undefined && there?.metadata.labels?.[MANAGED_BY] !== undefined) await remove(there);
      return undefined;
    }
    const selector = podSelector(service);
    if (selector === undefined) return undefined;
    const members = pods.list(service.metadata.namespace).filter(({ metadata }) => matchesLabels(selector, metadata.labels));
    const found = endpointsOf(service, members, families(service)[0] ?? "IPv4");
    const wanted = endpointsFor(service, found, there);
    const target = { namespace: service.metadata.namespace, name: service.metadata.name ?? "" };
    try {
      if (there === undefined) await client.create(ENDPOINTS, wanted, { namespace: target.namespace });
      else if (!sameJson(there.subsets ?? [], wanted.subsets ?? []) || !sameJson(there.metadata.labels, wanted.metadata.labels)) {
        await client.update(ENDPOINTS, target, wanted);
      }
    } catch (error) {
      if (!isReason(error, "AlreadyExists") && !isTerminatingNamespace(error)) throw error;
    }
    return undefined;
  }

  async function remove({ metadata }: Endpoints): Promise<void> {
    await unlessGone(client.delete(ENDPOINTS, { namespace: metadata.namespace, name: metadata.name ?? "" }));
  }

  return {
    name: "endpoints",
    watches: [
      watching(services, (service) => [keyOf(service)]),
      watching(pods, (pod) => servicesOf(pod, services)),
      watching(all, (object) => [keyOf(object)]),
    ],
    reconcile,
  };
}

export function endpointsFor(service: Service, found: readonly PodEndpoint[], there: Endpoints | undefined): Endpoints {
  const inside = found.filter(({ terminating }) => !terminating || service.spec?.publishNotReadyAddresses === true);
  const kept = [...inside.filter(({ ready }) => ready), ...inside.filter(({ ready }) => !ready)].slice(0, CAPACITY);
  const changes = kept.map(({ pod }) => podCondition(pod, "Ready")?.lastTransitionTime).filter((time) => typeof time === "string");
  const trigger = changes.toSorted().at(-1) ?? (there === undefined ? service.metadata.creationTimestamp : undefined);
  const annotations = Object.fromEntries(Object.entries(there?.metadata.annotations ?? {}).filter(([key]) => key !== TRIGGER && key !== OVER_CAPACITY));
  if (trigger !== undefined) annotations[TRIGGER] = trigger;
  if (inside.length > CAPACITY) annotations[OVER_CAPACITY] = "truncated";
  const subsets = pack(kept);
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: present({
      ...there?.metadata,
      name: service.metadata.name,
      namespace: service.metadata.namespace,
      labels: { ...service.metadata.labels, [MANAGED_BY]: "endpoint-controller", ...(isHeadless(service) ? { [HEADLESS]: "" } : {}) },
      annotations: Object.keys(annotations).length === 0 ? undefined : annotations,
    }),
    ...(subsets.length === 0 ? {} : { subsets }),
  };
}

const byAddress = (a: EndpointAddress, b: EndpointAddress) => (a.ip < b.ip ? -1 : 1);

/** Addresses with the same ports share a subset. */
function pack(found: readonly PodEndpoint[]): readonly EndpointSubset[] {
  const subsets = new Map<string, { ports: PodEndpoint["ports"]; addresses: EndpointAddress[]; notReady: EndpointAddress[] }>();
  for (const endpoint of found) {
    const { pod, address, hostname, ready, ports } = endpoint;
    const key = canonicalJson(ports);
    let subset = subsets.get(key);
    if (subset === undefined) subsets.set(key, (subset = { ports, addresses: [], notReady: [] }));
    const entry = present({ ip: address, hostname, nodeName: pod.spec?.nodeName, targetRef: targetOf(pod) });
    (ready ? subset.addresses : subset.notReady).push(entry);
  }
  return [...subsets.values()].map(({ ports, addresses, notReady }) =>
    present({
      addresses: addresses.length === 0 ? undefined : addresses.toSorted(byAddress),
      notReadyAddresses: notReady.length === 0 ? undefined : notReady.toSorted(byAddress),
      ports: ports.length === 0 ? undefined : ports.map(({ name, ...port }) => (name === "" ? port : { name, ...port })),
    }),
  );
}
