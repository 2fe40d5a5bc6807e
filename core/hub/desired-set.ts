/**
 * What one device has to know: its pods, and what those pods refer to. Pure: it asks a lookup, and whoever gives the
 * lookup learns from the questions what this device depends on, also of objects that do not exist yet.
 *
 * Order matters to the receiver: what is referred to comes before the pods, so that a set cut into several messages
 * never shows a pod before its Secrets.
 */
import type { Resource } from "../api/client.ts";
import type { KubeObject } from "../api/meta.ts";
import {
  CONFIG_MAPS,
  ENDPOINT_SLICES,
  NAMESPACES,
  NETWORK_POLICIES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  RUNTIME_CLASSES,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from "../api/resources.gen.ts";
import type { Container, EphemeralContainer, NetworkPolicy, Node, Pod, Volume } from "../api/types.gen.ts";

import { resolvedPolicy, selects } from "./resolved-policy.ts";
import type { PolicyPeers } from "./resolved-policy.ts";

export interface Lookup {
  get<T extends KubeObject>(resource: Resource<T>, namespace: string, name: string): T | undefined;
  /** undefined: of all namespaces */
  list<T extends KubeObject>(resource: Resource<T>, namespace: string | undefined): readonly T[];
  /** pods whose spec.nodeName is the node */
  podsOn(node: string): readonly Pod[];
}

export interface DesiredObject {
  readonly resource: Resource<KubeObject>;
  readonly object: KubeObject;
}

/** What sets of devices are made of; a watch on each of them is all that the hub needs. */
export const DEVICE_RESOURCES: readonly Resource<KubeObject>[] = [
  NODES,
  PODS,
  CONFIG_MAPS,
  SECRETS,
  SERVICE_ACCOUNTS,
  RUNTIME_CLASSES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  SERVICES,
  ENDPOINT_SLICES,
  NETWORK_POLICIES,
  NAMESPACES,
];

/**
 * On a Node or a pod: namespaces beyond those of the device's own pods whose Services it shall serve, "shop, billing", or
 * "*" for all. Every change of an endpoint is told to every device that serves its namespace, so not all do by themselves.
 */
export const SERVICE_NAMESPACES = "services.lichen.dev/namespaces";
/** Where clusters have their DNS: pods of every namespace ask it. */
const SYSTEM_NAMESPACE = "kube-system";

export function desiredFor(node: string, lookup: Lookup): readonly DesiredObject[] {
  const found = new Map<KubeObject, Resource<KubeObject>>();
  const add = <T extends KubeObject>(resource: Resource<T>, namespace: string, name: string | undefined): T | undefined => {
    if (name === undefined || name === "") return undefined;
    const object = lookup.get(resource, namespace, name);
    if (object !== undefined) found.set(object, resource);
    return object;
  };
  const addServices = (namespace: string | undefined) => {
    for (const service of lookup.list(SERVICES, namespace)) found.set(service, SERVICES);
    for (const slice of lookup.list(ENDPOINT_SLICES, namespace)) found.set(slice, ENDPOINT_SLICES);
  };

  const pods = lookup.podsOn(node);
  const policies = new Set<NetworkPolicy>();
  const served = servedNamespaces(add(NODES, "", node), pods);
  if (served.has(EVERY)) addServices(undefined);
  else for (const namespace of served) addServices(namespace);
  // where the API is: in the environment of every container, and reached from every namespace. Kept between pods, so that the
  // first one of a device does not wait for packet rules
  add(SERVICES, "default", API_SERVICE);
  add(ENDPOINT_SLICES, "default", API_SERVICE);
  for (const pod of pods) {
    const { namespace = "" } = pod.metadata;
    const { spec } = pod;
    if (spec === undefined) continue;
    add(SERVICE_ACCOUNTS, namespace, spec.serviceAccountName);
    add(RUNTIME_CLASSES, "", spec.runtimeClassName);
    for (const { name } of spec.imagePullSecrets ?? []) add(SECRETS, namespace, name);
    for (const policy of lookup.list(NETWORK_POLICIES, namespace)) if (selects(policy, pod)) policies.add(policy);
    for (const volume of spec.volumes ?? []) addVolume(pod, volume, add);
    for (const container of [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]) {
      addEnvironment(namespace, container, add);
    }
  }
  const peers: PolicyPeers = { pods: (namespace) => lookup.list(PODS, namespace), namespaces: () => lookup.list(NAMESPACES, undefined) };
  for (const policy of policies) found.set(resolvedPolicy(policy, peers), NETWORK_POLICIES);
  const references = [...found].map(([object, resource]) => ({ resource, object }));
  return [...references, ...pods.map((object) => ({ resource: PODS, object }))];
}

const EVERY = "*";
/** of the Service and of its only slice */
const API_SERVICE = "kubernetes";

function servedNamespaces(node: Node | undefined, pods: readonly Pod[]): ReadonlySet<string> {
  const named = [node, ...pods].flatMap((object) => (object?.metadata.annotations?.[SERVICE_NAMESPACES] ?? "").split(","));
  const all = new Set([...named, ...pods.map(({ metadata }) => metadata.namespace ?? "")].map((name) => name.trim()).filter((name) => name !== ""));
  return all.size === 0 ? all : all.add(SYSTEM_NAMESPACE);
}

type Add = <T extends KubeObject>(resource: Resource<T>, namespace: string, name: string | undefined) => T | undefined;

function addVolume(pod: Pod, volume: Volume, add: Add): void {
  const { namespace = "", name = "" } = pod.metadata;
  add(CONFIG_MAPS, namespace, volume.configMap?.name);
  add(SECRETS, namespace, volume.secret?.secretName);
  for (const source of volume.projected?.sources ?? []) {
    add(CONFIG_MAPS, namespace, source.configMap?.name);
    add(SECRETS, namespace, source.secret?.name);
  }
  // a generic ephemeral volume's claim has the name of the pod and the volume (KEP-1698)
  const claim = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral === undefined ? undefined : `${name}-${volume.name}`);
  const found = add(PERSISTENT_VOLUME_CLAIMS, namespace, claim);
  add(PERSISTENT_VOLUMES, "", found?.spec?.volumeName);
}

function addEnvironment(namespace: string, container: Container | EphemeralContainer, add: Add): void {
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    add(CONFIG_MAPS, namespace, configMapRef?.name);
    add(SECRETS, namespace, secretRef?.name);
  }
  for (const { valueFrom } of container.env ?? []) {
    add(CONFIG_MAPS, namespace, valueFrom?.configMapKeyRef?.name);
    add(SECRETS, namespace, valueFrom?.secretKeyRef?.name);
  }
}
