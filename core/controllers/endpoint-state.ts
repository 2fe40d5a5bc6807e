/** What a Service's pods look like as endpoints: addresses, ports, readiness. Shared by EndpointSlices and Endpoints. Pure. */
import type { Selector } from "../api/selector.ts";
import { selectorOf } from "../api/selector.ts";
import type { Pod, Service, ServicePort } from "../api/types.gen.ts";
import { present } from "./json.ts";
import { isFinished, isReady, isTerminating } from "./pod-state.ts";

export const HEADLESS = "service.kubernetes.io/headless";

export interface ResolvedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: "SCTP" | "TCP" | "UDP";
  readonly appProtocol?: string;
}

export interface PodEndpoint {
  readonly pod: Pod;
  readonly address: string;
  readonly hostname: string | undefined;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly ports: readonly ResolvedPort[];
}

/** undefined: somebody else keeps the endpoints of this Service */
export function podSelector({ spec }: Service): Selector | undefined {
  return spec?.selector === undefined || Object.keys(spec.selector).length === 0 || spec.type === "ExternalName"
    ? undefined
    : selectorOf({ matchLabels: spec.selector });
}

export const isHeadless = ({ spec }: Service): boolean => spec?.clusterIP === "None";
const isV6 = (address: string) => address.includes(":");
export const families = ({ spec }: Service): readonly ("IPv4" | "IPv6")[] => {
  const given = spec?.ipFamilies ?? [];
  return given.length === 0 ? ["IPv4"] : (given as readonly ("IPv4" | "IPv6")[]);
};

export function endpointsOf(service: Service, pods: readonly Pod[], family: "IPv4" | "IPv6"): readonly PodEndpoint[] {
  const found: PodEndpoint[] = [];
  for (const pod of pods) {
    if (isFinished(pod)) continue;
    const addresses = (pod.status?.podIPs ?? []).map(({ ip }) => ip);
    if (addresses.length === 0 && pod.status?.podIP !== undefined && pod.status.podIP !== "") addresses.push(pod.status.podIP);
    const address = addresses.find((each) => isV6(each) === (family === "IPv6"));
    if (address === undefined) continue;
    const [serving, terminating] = [isReady(pod), isTerminating(pod)];
    const { hostname, subdomain } = pod.spec ?? {};
    found.push({
      pod,
      address,
      hostname: hostname !== undefined && hostname !== "" && subdomain === service.metadata.name ? hostname : undefined,
      ready: service.spec?.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
      ports: (service.spec?.ports ?? []).flatMap((port) => resolve(port, pod)),
    });
  }
  return found.toSorted((a, b) => ((a.pod.metadata.name ?? "") < (b.pod.metadata.name ?? "") ? -1 : 1));
}

/** A named target port is whatever port of that name the pod has. */
function resolve({ name = "", port, targetPort = port, protocol = "TCP", appProtocol }: ServicePort, pod: Pod): readonly ResolvedPort[] {
  const of = (number: number): ResolvedPort => present({ name, port: number, protocol, appProtocol });
  if (typeof targetPort === "number") return [of(targetPort === 0 ? port : targetPort)];
  if (targetPort === "") return [of(port)];
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    const match = container.ports?.find((each) => each.name === targetPort && (each.protocol ?? "TCP") === protocol);
    if (match !== undefined) return [of(match.containerPort)];
  }
  return [];
}

export function targetOf({ metadata }: Pod) {
  return { kind: "Pod", ...present({ namespace: metadata.namespace, name: metadata.name, uid: metadata.uid }) };
}
