/**
 * What a Service gets when it is written: address families, cluster IPs, node ports, the port for health checks. The
 * rules about its fields are in core/api/kinds; here they meet what is taken. Order of the steps and wording of the
 * refusals are those of Kubernetes.
 */
import { SERVICES } from "../../api/resources.gen.ts";
import type { AnyObject } from "../../api/meta.ts";
import { ApiError, type FieldError, invalid } from "../../api/status.ts";
import type { Service, ServicePort, ServiceSpec } from "../../api/types.gen.ts";
import { resolveFamilies } from "../../api/kinds/service-families.ts";
import { needsClusterIp, needsHealthCheck, needsNodePort, patchAllocated, syncClusterIps } from "../../api/kinds/service-fields.ts";
import type { Context } from "../context.ts";
import type { Allocation, Allocator } from "./allocator.ts";
import { familyOf } from "./cidr.ts";
import { type ClusterIps, clusterIps, type Owner } from "./cluster-ips.ts";
import { NODE_PORTS, type NodePorts, nodePorts, type PortRange, portsOf } from "./node-ports.ts";

export interface ServiceSupplies {
  /** the range that decides the family of the cluster */
  readonly serviceCidr: string;
  readonly nodePortRange?: PortRange;
}

export function serviceAllocator(context: Context, { serviceCidr, nodePortRange = NODE_PORTS }: ServiceSupplies): Allocator {
  const ips = clusterIps(context);
  const ports = nodePorts(context, nodePortRange);
  const family = familyOf(serviceCidr.split("/")[0] ?? "");
  return {
    async begin(object, old, dryRun) {
      const taking = new Taking(ips, ports, ownerOf(object), dryRun);
      try {
        return await allocate(object as unknown as Service, old as unknown as Service | undefined, family, taking);
      } catch (error) {
        await taking.undo();
        throw error;
      }
    },
    async released(object) {
      const service = object as unknown as Service;
      for (const ip of ipsOf(service)) await ips.free(ip);
      for (const port of portsOf(service)) await ports.free(port);
    },
  };
}

async function allocate(given: Service, old: Service | undefined, family: "IPv4" | "IPv6", taking: Taking): Promise<Allocation> {
  const synced = syncClusterIps(old === undefined ? given : patchAllocated(given, old), old);
  const { spec: resolved, errors } = resolveFamilies(synced.spec ?? {}, old?.spec, family);
  refuse(synced, errors);
  let spec = resolved;
  const hadIp = old !== undefined && needsClusterIp(old.spec ?? {});
  if (needsClusterIp(spec) && !hadIp) spec = await withClusterIps(synced, spec, taking);
  if (needsNodePort(spec)) spec = { ...spec, ports: await withNodePorts(synced, spec, old, taking) };
  if (needsHealthCheck(spec) && !(old !== undefined && needsHealthCheck(old.spec ?? {}))) spec = await withHealthCheck(spec, taking);
  const service: Service = { ...synced, ...(synced.spec === undefined ? {} : { spec }) };
  return {
    object: service as unknown as AnyObject,
    commit: () => taking.release(old, service),
    undo: () => taking.undo(),
  };
}

/** What one write has taken so far. */
class Taking {
  readonly #ips: ClusterIps;
  readonly #ports: NodePorts;
  readonly #owner: Owner;
  readonly #dryRun: boolean;
  readonly #takenIps: string[] = [];
  readonly #takenPorts = new Set<number>();

  constructor(ips: ClusterIps, ports: NodePorts, owner: Owner, dryRun: boolean) {
    this.#ips = ips;
    this.#ports = ports;
    this.#owner = owner;
    this.#dryRun = dryRun;
  }

  async ip(address: string): Promise<string | undefined> {
    const why = await this.#ips.take(address, this.#owner, this.#dryRun);
    if (why === undefined) this.#takenIps.push(address);
    return why;
  }

  async anyIp(family: "IPv4" | "IPv6"): Promise<string | undefined> {
    const address = await this.#ips.takeAny(family, this.#owner, this.#dryRun);
    if (address !== undefined) this.#takenIps.push(address);
    return address;
  }

  async port(port: number): Promise<string | undefined> {
    if (this.#takenPorts.has(port)) return "provided port is already allocated";
    const why = await this.#ports.take(port, this.#owner, this.#dryRun);
    if (why === undefined) this.#takenPorts.add(port);
    return why;
  }

  async anyPort(): Promise<number | undefined> {
    const port = await this.#ports.takeAny(this.#owner, this.#dryRun, this.#takenPorts);
    if (port !== undefined) this.#takenPorts.add(port);
    return port;
  }

  async undo(): Promise<void> {
    if (this.#dryRun) return;
    for (const ip of this.#takenIps) await this.#ips.free(ip);
    for (const port of this.#takenPorts) await this.#ports.free(port);
  }

  async release(old: Service | undefined, service: Service): Promise<void> {
    if (this.#dryRun || old === undefined) return;
    const kept = new Set<string | number>(needsClusterIp(service.spec ?? {}) ? ipsOf(service) : []);
    for (const port of needsNodePort(service.spec ?? {}) ? portsOf(service) : []) kept.add(port);
    for (const ip of ipsOf(old)) if (!kept.has(ip)) await this.#ips.free(ip);
    for (const port of portsOf(old)) if (!kept.has(port)) await this.#ports.free(port);
  }
}

async function withClusterIps(service: Service, spec: ServiceSpec, taking: Taking): Promise<ServiceSpec> {
  const given = spec.clusterIPs ?? [];
  if (given[0] === "None") return spec;
  const addresses: string[] = [];
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    const asked = given[index];
    const why = asked === undefined ? undefined : await taking.ip(asked);
    const address = asked ?? (await taking.anyIp(family as "IPv4" | "IPv6"));
    if (why !== undefined) refuse(service, [wrong("spec.clusterIPs", given, `failed to allocate IP ${asked}: ${why}`)]);
    if (address === undefined) throw new ApiError("InternalError", "Internal error occurred: failed to allocate a serviceIP: range is full");
    addresses.push(address);
  }
  return addresses[0] === undefined ? spec : { ...spec, clusterIP: addresses[0], clusterIPs: addresses };
}

async function withNodePorts(service: Service, spec: ServiceSpec, old: Service | undefined, taking: Taking): Promise<readonly ServicePort[]> {
  const { ports = [] } = spec;
  const allocates = spec.type === "NodePort" || spec.allocateLoadBalancerNodePorts !== false;
  const held = new Set(old !== undefined && needsNodePort(old.spec ?? {}) ? portsOf(old) : []);
  const byPort = new Map<number, number>();
  const filled: ServicePort[] = [];
  for (const [index, port] of ports.entries()) {
    const asked = port.nodePort ?? 0;
    if (asked === 0 && !allocates) {
      filled.push(port);
      continue;
    }
    // the same port by two protocols shares its node port
    const shared = byPort.get(port.port) ?? ports.find((one) => one.port === port.port && (one.nodePort ?? 0) !== 0)?.nodePort;
    const nodePort = asked === 0 ? (shared ?? (await taking.anyPort())) : asked;
    if (nodePort === undefined) throw new ApiError("InternalError", "Internal error occurred: failed to allocate a nodePort: range is full");
    const known = held.has(nodePort) || [...byPort.values()].includes(nodePort) || (asked === 0 && shared === undefined);
    const why = known ? undefined : await taking.port(nodePort);
    if (why !== undefined) refuse(service, [wrong(`spec.ports[${index}].nodePort`, nodePort, why)]);
    byPort.set(port.port, nodePort);
    filled.push({ ...port, nodePort });
  }
  return filled;
}

async function withHealthCheck(spec: ServiceSpec, taking: Taking): Promise<ServiceSpec> {
  const { healthCheckNodePort: asked = 0 } = spec;
  if (asked !== 0) {
    const why = await taking.port(asked);
    if (why !== undefined) throw new ApiError("InternalError", `Internal error occurred: failed to allocate requested HealthCheck NodePort ${asked}: ${why}`);
    return spec;
  }
  const port = await taking.anyPort();
  if (port === undefined) throw new ApiError("InternalError", "Internal error occurred: failed to allocate a HealthCheck NodePort: range is full");
  return { ...spec, healthCheckNodePort: port };
}

const ipsOf = ({ spec }: Service): readonly string[] => (spec?.clusterIPs ?? []).filter((ip) => ip !== "None" && ip !== "");

const ownerOf = ({ metadata }: AnyObject): Owner => ({ namespace: metadata.namespace ?? "", name: metadata.name ?? "" });

const wrong = (field: string, value: unknown, why: string): FieldError => ({ type: "FieldValueInvalid", field, message: `Invalid value: ${JSON.stringify(value)}: ${why}` });

function refuse(service: Service, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: SERVICES.group, kind: "Service" }, service.metadata.name ?? "", errors);
}
