/**
 * The Service under which pods find the API (default/kubernetes), and where this server listens: known only once it
 * does. What is there already is brought up to date, so that a server on another port or address is found again.
 */
import type { Client, Resource } from "../api/client.ts";
import type { AnyObject, KubeObject } from "../api/meta.ts";
import { ENDPOINT_SLICES, ENDPOINTS, SERVICES } from "../api/resources.gen.ts";
import { unlessGone } from "../api/status.ts";

export interface ApiAddress {
  /** the first address of the service range */
  readonly serviceIp: string;
  /** an address of this host that others can reach; undefined when it has none, and then there are no endpoints */
  readonly host: string | undefined;
  readonly port: number;
}

const HTTPS = 443;
const target = { namespace: "default", name: "kubernetes" };

export async function publishKubernetesService(client: Client, { serviceIp, host, port }: ApiAddress): Promise<void> {
  const ports = [{ name: "https", port, protocol: "TCP" }];
  await ensure(client, SERVICES, {
    ...named("v1", "Service", { component: "apiserver", provider: "kubernetes" }),
    spec: { type: "ClusterIP", clusterIP: serviceIp, ports: [{ name: "https", port: HTTPS, protocol: "TCP", targetPort: port }], sessionAffinity: "None" },
  });
  if (host === undefined) return;
  await ensure(client, ENDPOINTS, {
    ...named("v1", "Endpoints", { "endpointslice.kubernetes.io/skip-mirror": "true" }),
    subsets: [{ addresses: [{ ip: host }], ports }],
  });
  await ensure(client, ENDPOINT_SLICES, {
    ...named("discovery.k8s.io/v1", "EndpointSlice", { "kubernetes.io/service-name": target.name }),
    addressType: "IPv4",
    endpoints: [{ addresses: [host], conditions: { ready: true } }],
    ports,
  });
}

const named = (apiVersion: string, kind: string, labels: { readonly [key: string]: string }): AnyObject => ({ apiVersion, kind, metadata: { ...target, labels } });

/** Looked up first: a Service of this name would be refused for its address, which it has itself. */
async function ensure(client: Client, resource: Resource<KubeObject>, object: AnyObject): Promise<void> {
  if (await exists(client, resource)) return update(client, resource, object);
  try {
    await client.create(resource, object, { namespace: target.namespace });
  } catch (error) {
    // another server over the same store may have been faster
    if (!(await exists(client, resource))) throw error;
    await update(client, resource, object);
  }
}

async function exists(client: Client, resource: Resource<KubeObject>): Promise<boolean> {
  return (await unlessGone(client.get(resource, target))) !== undefined;
}

/** The cluster IP stays: pods know it. */
async function update(client: Client, resource: Resource<KubeObject>, object: AnyObject): Promise<void> {
  const { subsets, endpoints, ports, spec } = object as { readonly [field: string]: unknown };
  const listens = (spec as { readonly ports?: unknown } | undefined)?.ports;
  const fields = spec === undefined ? { subsets, endpoints, ports } : { spec: { ports: listens } };
  const patch = JSON.parse(JSON.stringify(fields)) as object;
  await client.patch(resource, target, { type: "merge", patch });
}
