/**
 * What the Services and EndpointSlices that a device was told of mean for its packets: which address and port leads to
 * which endpoints. Pure. Which endpoints count is KEP-1669's rule (those that are ready, else those that end but still
 * serve) and the Service's traffic policies. IPv4 only, as pods here are.
 */
import { isIPv4 } from "node:net";
import type { EndpointSlice, Service, ServicePort } from "../../core/api/types.gen.ts";

export interface Target {
  readonly ip: string;
  readonly port: number;
}

export interface ServiceRoute {
  /** "shop/cart:http" */
  readonly name: string;
  readonly protocol: "sctp" | "tcp" | "udp";
  /** that of clients inside: the Service's cluster IPs */
  readonly inside: readonly Target[];
  /** that of clients outside: external and load balancer addresses */
  readonly outside: readonly Target[];
  /** on every address of this device */
  readonly nodePort?: number;
  readonly insideTargets: readonly Target[];
  readonly outsideTargets: readonly Target[];
  /** one client always gets the same endpoint */
  readonly sticky: boolean;
}

export interface ServiceFacts {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  /** this device's, for traffic policies */
  readonly node: string;
}

/** discovery.k8s.io/v1: label of a slice */
const SERVICE_NAME = "kubernetes.io/service-name";

interface Endpoint extends Target {
  readonly node: string | undefined;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

export function serviceRoutes({ services, slices, node }: ServiceFacts): readonly ServiceRoute[] {
  const slicesOf = Map.groupBy(slices, ({ metadata }) => `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME] ?? ""}`);
  return services.flatMap((service) => {
    const { spec, metadata } = service;
    const addresses = (spec?.clusterIPs ?? [spec?.clusterIP ?? ""]).filter(isIPv4);
    if (addresses.length === 0 || spec?.type === "ExternalName") return [];
    const others = [...(spec?.externalIPs ?? []), ...(service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) => (ip === undefined || ipMode === "Proxy" ? [] : [ip]))].filter(isIPv4);
    const own = slicesOf.get(`${metadata.namespace}/${metadata.name}`) ?? [];
    return (spec?.ports ?? []).map((port): ServiceRoute => {
      const endpoints = endpointsFor(port, own);
      const { nodePort } = port;
      return {
        name: `${metadata.namespace}/${metadata.name}${port.name === undefined || port.name === "" ? "" : `:${port.name}`}`,
        protocol: protocolOf(port),
        inside: addresses.map((ip) => ({ ip, port: port.port })),
        outside: others.map((ip) => ({ ip, port: port.port })),
        ...(nodePort === undefined || nodePort === 0 ? {} : { nodePort }),
        insideTargets: chosen(endpoints, spec?.internalTrafficPolicy === "Local" ? node : undefined),
        outsideTargets: chosen(endpoints, spec?.externalTrafficPolicy === "Local" ? node : undefined),
        sticky: spec?.sessionAffinity === "ClientIP",
      };
    });
  });
}

/** Endpoints that neither serve nor end: readiness was lost, or the whole device. */
export function silentTargets({ slices }: Pick<ServiceFacts, "slices">): readonly Target[] {
  const all = slices.flatMap((slice) => (slice.ports ?? []).flatMap((port) => (port.protocol === "UDP" || port.protocol === "SCTP" ? [] : endpointsOf(slice, port.port ?? 0))));
  return unique(all.filter(({ ready, serving, terminating }) => !ready && !serving && !terminating));
}

/** Every TCP endpoint there is, whatever its state. */
export function listedTargets({ slices }: Pick<ServiceFacts, "slices">): readonly Target[] {
  return unique(slices.flatMap((slice) => (slice.ports ?? []).flatMap((port) => ((port.protocol ?? "TCP") === "TCP" ? endpointsOf(slice, port.port ?? 0) : []))));
}

function endpointsFor(port: ServicePort, slices: readonly EndpointSlice[]): readonly Endpoint[] {
  return slices.flatMap((slice) =>
    (slice.ports ?? []).flatMap((each) => ((each.name ?? "") === (port.name ?? "") && (each.protocol ?? "TCP") === (port.protocol ?? "TCP") && each.port !== undefined ? endpointsOf(slice, each.port) : [])),
  );
}

function endpointsOf({ addressType, endpoints }: EndpointSlice, port: number): readonly Endpoint[] {
  if (addressType !== "IPv4" || port === 0) return [];
  return (endpoints ?? []).flatMap(({ addresses, conditions = {}, nodeName }) => {
    const [ip] = addresses;
    // unknown counts as ready (discovery.k8s.io/v1, EndpointConditions)
    const ready = conditions.ready !== false;
    return ip === undefined || !isIPv4(ip) ? [] : [{ ip, port, node: nodeName, ready, serving: conditions.serving ?? ready, terminating: conditions.terminating === true }];
  });
}

function chosen(endpoints: readonly Endpoint[], onlyOn: string | undefined): readonly Target[] {
  const near = onlyOn === undefined ? endpoints : endpoints.filter(({ node }) => node === onlyOn);
  const ready = near.filter((endpoint) => endpoint.ready);
  return unique(ready.length > 0 ? ready : near.filter(({ serving, terminating }) => serving && terminating));
}

const protocolOf = ({ protocol = "TCP" }: ServicePort) => protocol.toLowerCase() as ServiceRoute["protocol"];

/** In a stable order, so that equal facts make equal rules. */
function unique(targets: readonly Target[]): readonly Target[] {
  const byText = new Map(targets.map(({ ip, port }) => [targetText({ ip, port }), { ip, port }]));
  return [...byText].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => target);
}

export const targetText = ({ ip, port }: Target) => `${ip}:${port}`;
