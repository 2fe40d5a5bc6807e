/**
 * What components are told of Services: names, as the cluster's DNS would answer, and, on a device whose kernel does not
 * carry them, where their addresses lead. Pure. Sources: "DNS-Based Service Discovery" of Kubernetes.
 */
import { isIPv4 } from "node:net";
import type { EndpointSlice, Service } from "../../core/api/types.gen.ts";
import type { ServiceDirectory } from "../../wasm-runtime/host/pod-network.ts";
import { serviceRoutes, targetText, type ServiceFacts } from "./service-routes.ts";

export interface DirectoryFacts extends ServiceFacts {
  readonly domain: string;
  /** the kernel leads addresses of Services to endpoints */
  readonly carried: boolean;
}

const SERVICE_NAME = "kubernetes.io/service-name";

export function serviceDirectory(facts: DirectoryFacts): ServiceDirectory {
  const { services, slices, domain, carried } = facts;
  return {
    domain,
    names: Object.fromEntries([...services.map(nameOf(slices)), ...slices.flatMap(hostsOf)]),
    leads: carried ? {} : leadsOf(facts),
  };
}

const nameOf =
  (slices: readonly EndpointSlice[]) =>
  ({ metadata: { name, namespace }, spec }: Service): readonly [string, readonly string[] | string] => {
    const key = `${name}.${namespace}`;
    if (spec?.type === "ExternalName") return [key, spec.externalName ?? ""];
    const addresses = (spec?.clusterIPs ?? [spec?.clusterIP ?? ""]).filter(isIPv4);
    if (addresses.length > 0) return [key, addresses];
    const own = slices.filter(({ metadata }) => metadata.namespace === namespace && metadata.labels?.[SERVICE_NAME] === name);
    return [key, [...new Set(own.flatMap(ready))].toSorted()];
  };

/** "db-0.db.shop": pods that a headless Service names. */
function hostsOf(slice: EndpointSlice): readonly (readonly [string, readonly string[]])[] {
  const service = slice.metadata.labels?.[SERVICE_NAME] ?? "";
  return (slice.endpoints ?? []).flatMap(({ hostname, addresses, conditions }) => (hostname === undefined || conditions?.ready === false ? [] : [[`${hostname}.${service}.${slice.metadata.namespace}`, addresses.filter(isIPv4)] as const]));
}

const ready = ({ addressType, endpoints }: EndpointSlice) => (addressType === "IPv4" ? (endpoints ?? []).flatMap(({ addresses, conditions }) => (conditions?.ready === false ? [] : addresses)) : []);

function leadsOf(facts: ServiceFacts): ServiceDirectory["leads"] {
  return Object.fromEntries(
    serviceRoutes(facts).flatMap(({ protocol, inside, outside, insideTargets, outsideTargets }) => [
      ...inside.map((at) => [`${targetText(at)}/${protocol}`, insideTargets.map(targetText)] as const),
      ...outside.map((at) => [`${targetText(at)}/${protocol}`, outsideTargets.map(targetText)] as const),
    ]),
  );
}
