/**
 * Mirrors Endpoints that people or tools write by hand, for Services without a selector, into EndpointSlices: readers of
 * slices see them too (KEP-752, mirroring).
 */
import { sameJson } from "../api/json.ts";
import { ENDPOINT_SLICES, ENDPOINTS, SERVICES } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { Endpoint, EndpointAddress, Endpoints, EndpointSlice, EndpointSubset } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { MANAGED_BY, SERVICE_NAME } from "./endpoint-slice.ts";
import { podSelector } from "./endpoint-state.ts";
import { canonicalJson, present } from "./json.ts";
import { controllerReference, indexOwners, owned, ownerKey } from "./owner.ts";
import { isTerminatingNamespace } from "./replicas.ts";

const CONTROLLER = "endpointslicemirroring-controller.k8s.io";
const SKIP = "endpointslice.kubernetes.io/skip-mirror";
const LEADER = "control-plane.alpha.kubernetes.io/leader";
const BY_CONTROLLER = "endpoints.kubernetes.io/managed-by";
/** --mirroring-max-endpoints-per-subset */
const LIMIT = 1000;

export function endpointSliceMirroring(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "endpointslicemirroring-controller");
  const all = deps.informers.of(ENDPOINTS);
  const services = deps.informers.of(SERVICES);
  const slices = deps.informers.of(ENDPOINT_SLICES);
  indexOwners(slices);
  return {
    name: "endpointslice-mirroring",
    watches: [
      watching(all, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]),
      watching(services, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]),
      watching(slices, (slice) => (slice.metadata.labels?.[MANAGED_BY] === CONTROLLER ? ownerKey(slice, "Endpoints") : [])),
    ],
    async reconcile(key) {
      const object = all.get(key);
      const service = services.get(key);
      if (object === undefined || object.metadata.deletionTimestamp !== undefined) return undefined;
      const { namespace } = object.metadata;
      const mirrored = service !== undefined && podSelector(service) === undefined && isByHand(object);
      const wanted = mirrored ? mirrorsOf(object) : [];
      const existing = owned(slices, object.metadata.uid ?? "").filter(({ metadata }) => metadata.labels?.[MANAGED_BY] === CONTROLLER);
      const left = new Map(existing.map((slice) => [groupOf(slice), slice]));
      try {
        for (const slice of wanted) {
          const there = left.get(groupOf(slice));
          left.delete(groupOf(slice));
          if (there === undefined) await client.create(ENDPOINT_SLICES, slice, { namespace });
          else if (!sameJson(there.endpoints, slice.endpoints) || !sameJson(there.metadata.labels, slice.metadata.labels)) {
            const metadata = { ...there.metadata, ...present({ labels: slice.metadata.labels }) };
            await client.update(ENDPOINT_SLICES, { namespace, name: there.metadata.name ?? "" }, { ...there, metadata, endpoints: slice.endpoints });
          }
        }
        for (const { metadata } of left.values()) await client.delete(ENDPOINT_SLICES, { namespace, name: metadata.name ?? "" });
      } catch (error) {
        if (!isReason(error, "NotFound") && !isTerminatingNamespace(error)) throw error;
      }
      return undefined;
    },
  };
}

const isByHand = ({ metadata }: Endpoints) =>
  metadata.labels?.[SKIP] !== "true" && metadata.labels?.[BY_CONTROLLER] === undefined && metadata.annotations?.[LEADER] === undefined;
const groupOf = ({ addressType, ports }: EndpointSlice) => canonicalJson([addressType, ports ?? []]);

export function mirrorsOf(object: Endpoints): readonly EndpointSlice[] {
  return (object.subsets ?? []).flatMap((subset) => (["IPv4", "IPv6"] as const).flatMap((family) => mirrorOf(object, subset, family)));
}

const endpoint =
  (ready: boolean) =>
  ({ ip, hostname, nodeName, targetRef }: EndpointAddress): Endpoint =>
    present({ addresses: [ip], conditions: { ready }, hostname, nodeName, targetRef });

function mirrorOf(object: Endpoints, subset: EndpointSubset, family: "IPv4" | "IPv6"): readonly EndpointSlice[] {
  const ofFamily = ({ ip }: EndpointAddress) => ip.includes(":") === (family === "IPv6");
  const endpoints = [
    ...(subset.addresses ?? []).filter(ofFamily).map(endpoint(true)),
    ...(subset.notReadyAddresses ?? []).filter(ofFamily).map(endpoint(false)),
  ].slice(0, LIMIT);
  if (endpoints.length === 0) return [];
  const { name = "", namespace, labels } = object.metadata;
  return [
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        generateName: `${name}-`,
        ...present({ namespace }),
        labels: { ...labels, [MANAGED_BY]: CONTROLLER, [SERVICE_NAME]: name },
        ownerReferences: [controllerReference(object)],
      },
      addressType: family,
      endpoints,
      ports: (subset.ports ?? []).map(({ name: port = "", ...rest }) => ({ name: port, ...rest })),
    },
  ];
}
