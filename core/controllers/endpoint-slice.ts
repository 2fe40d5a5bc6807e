/** EndpointSlices of Services (KEP-752): at most 100 endpoints each, and as few slices touched per change as possible. */
import { sameJson } from "../api/json.ts";
import { ENDPOINT_SLICES, NODES, PODS, SERVICES } from "../api/resources.gen.ts";
import { matchesLabels } from "../api/selector.ts";
import { isReason } from "../api/status.ts";
import type { Endpoint, EndpointSlice, Node, Pod, Service } from "../api/types.gen.ts";
import type { Controller, Informer } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import type { PodEndpoint, ResolvedPort } from "./endpoint-state.ts";
import { endpointsOf, families, HEADLESS, isHeadless, podSelector, targetOf } from "./endpoint-state.ts";
import { canonicalJson, present } from "./json.ts";
import { controllerReference, indexOwners, owned, ownerKey } from "./owner.ts";
import { isTerminatingNamespace } from "./replicas.ts";

export const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
export const SERVICE_NAME = "kubernetes.io/service-name";
const CONTROLLER = "endpointslice-controller.k8s.io";
/** --max-endpoints-per-slice */
export const SLICE_SIZE = 100;

export function servicesOf(pod: Pod, services: Informer<Service>): readonly string[] {
  return services
    .list(pod.metadata.namespace)
    .filter((service) => {
      const selector = podSelector(service);
      return selector !== undefined && matchesLabels(selector, pod.metadata.labels);
    })
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

export function endpointSlice(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "endpointslice-controller");
  const services = deps.informers.of(SERVICES);
  const pods = deps.informers.of(PODS);
  const nodes = deps.informers.of(NODES);
  const slices = deps.informers.of(ENDPOINT_SLICES);
  indexOwners(slices);

  async function reconcile(key: string): Promise<undefined> {
    const service = services.get(key);
    const selector = service === undefined ? undefined : podSelector(service);
    if (service === undefined || selector === undefined || service.metadata.deletionTimestamp !== undefined) return undefined;
    const { namespace } = service.metadata;
    const members = pods.list(namespace).filter(({ metadata }) => matchesLabels(selector, metadata.labels));
    const mine = owned(slices, service.metadata.uid ?? "").filter(({ metadata }) => metadata.labels?.[MANAGED_BY] === CONTROLLER);
    for (const family of families(service)) {
      const there = mine.filter(({ addressType }) => addressType === family);
      const plan = planSlices(service, family, endpointsOf(service, members, family), there, (node) => zoneOf(nodes.get(node)));
      try {
        for (const slice of plan.update) await client.update(ENDPOINT_SLICES, { namespace, name: slice.metadata.name ?? "" }, slice);
        for (const slice of plan.create) await client.create(ENDPOINT_SLICES, slice, { namespace });
        for (const slice of plan.remove) await client.delete(ENDPOINT_SLICES, { namespace, name: slice.metadata.name ?? "" });
      } catch (error) {
        if (!isReason(error, "NotFound") && !isTerminatingNamespace(error)) throw error;
      }
    }
    return undefined;
  }

  return {
    name: "endpointslice",
    watches: [
      watching(services, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]),
      watching(pods, (pod) => servicesOf(pod, services)),
      watching(nodes, () => []),
      watching(slices, (slice) => (slice.metadata.labels?.[MANAGED_BY] === CONTROLLER ? ownerKey(slice, "Service") : [])),
    ],
    reconcile,
  };
}

const zoneOf = (node: Node | undefined) => node?.metadata.labels?.["topology.kubernetes.io/zone"];

function toEndpoint({ pod, address, hostname, ready, serving, terminating }: PodEndpoint, zone: string | undefined): Endpoint {
  return present({
    addresses: [address],
    conditions: { ready, serving, terminating },
    hostname,
    nodeName: pod.spec?.nodeName === "" ? undefined : pod.spec?.nodeName,
    zone,
    targetRef: targetOf(pod),
  });
}

export interface SlicePlan {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

/** Endpoints stay in the slice they are in; what is new fills the fullest slice with room. */
export function planSlices(
  service: Service,
  family: "IPv4" | "IPv6",
  endpoints: readonly PodEndpoint[],
  existing: readonly EndpointSlice[],
  zone: (node: string) => string | undefined,
): SlicePlan {
  const groups = new Map<string, { readonly ports: readonly ResolvedPort[]; readonly wanted: Map<string, Endpoint> }>();
  for (const endpoint of endpoints) {
    const text = canonicalJson(endpoint.ports);
    let group = groups.get(text);
    if (group === undefined) groups.set(text, (group = { ports: endpoint.ports, wanted: new Map() }));
    group.wanted.set(endpoint.pod.metadata.uid ?? "", toEndpoint(endpoint, zone(endpoint.pod.spec?.nodeName ?? "")));
  }
  // a Service without endpoints has one empty slice: its readers can tell "none" from "unknown"
  const slices = existing.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (groups.size === 0) {
    const [first, ...rest] = slices;
    const empty = sliceFor(service, family, null, []);
    if (first === undefined) return { create: [empty], update: [], remove: [] };
    const emptied = { ...withLabels(first, service), endpoints: [], ports: first.ports ?? null };
    return { create: [], update: isSame(first, emptied) ? [] : [emptied], remove: rest };
  }
  const plan = { create: [] as EndpointSlice[], update: [] as EndpointSlice[], remove: [] as EndpointSlice[] };
  const free = new Set(slices);
  for (const { ports, wanted } of groups.values()) {
    const left = new Map(wanted);
    const kept: { slice: EndpointSlice; endpoints: Endpoint[] }[] = [];
    for (const slice of slices) {
      if (!free.has(slice) || !sameJson(slice.ports ?? [], ports)) continue;
      free.delete(slice);
      const stay = (slice.endpoints ?? []).flatMap(({ targetRef }) => {
        const endpoint = left.get(targetRef?.uid ?? "");
        left.delete(targetRef?.uid ?? "");
        return endpoint === undefined ? [] : [endpoint];
      });
      kept.push({ slice, endpoints: stay });
    }
    const rest = [...left.values()];
    for (const each of kept.toSorted((a, b) => b.endpoints.length - a.endpoints.length)) each.endpoints.push(...rest.splice(0, SLICE_SIZE - each.endpoints.length));
    for (const { slice, endpoints: list } of kept) {
      const changed = { ...withLabels(slice, service), endpoints: list, ports };
      if (list.length === 0) plan.remove.push(slice);
      else if (!isSame(slice, changed)) plan.update.push(changed);
    }
    while (rest.length > 0) {
      const list = rest.splice(0, SLICE_SIZE);
      // an empty slice of other ports is used again rather than replaced
      const [spare] = [...free].filter(({ endpoints: held }) => (held ?? []).length === 0);
      if (spare === undefined) plan.create.push(sliceFor(service, family, ports, list));
      else {
        free.delete(spare);
        plan.update.push({ ...withLabels(spare, service), endpoints: list, ports });
      }
    }
  }
  plan.remove.push(...free);
  return plan;
}

const isSame = (a: EndpointSlice, b: EndpointSlice) =>
  sameJson(a.endpoints ?? [], b.endpoints ?? []) && sameJson(a.ports ?? [], b.ports ?? []) && sameJson(a.metadata.labels, b.metadata.labels);

function labelsOf(service: Service): { readonly [key: string]: string } {
  const own = Object.entries(service.metadata.labels ?? {}).filter(([key]) => key !== MANAGED_BY && key !== SERVICE_NAME && key !== HEADLESS);
  return {
    ...Object.fromEntries(own),
    [MANAGED_BY]: CONTROLLER,
    [SERVICE_NAME]: service.metadata.name ?? "",
    ...(isHeadless(service) ? { [HEADLESS]: "" } : {}),
  };
}

const withLabels = (slice: EndpointSlice, service: Service): EndpointSlice => ({ ...slice, metadata: { ...slice.metadata, labels: labelsOf(service) } });

function sliceFor(service: Service, family: "IPv4" | "IPv6", ports: readonly ResolvedPort[] | null, endpoints: readonly Endpoint[]): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${service.metadata.name}-`,
      ...present({ namespace: service.metadata.namespace }),
      labels: labelsOf(service),
      ownerReferences: [controllerReference(service)],
    },
    addressType: family,
    endpoints,
    ports,
  };
}
