/**
 * A hub over the real registry, memory store and memory network under one virtual clock, with the node authorizer in
 * front: devices act as the users that they are. `device` is the least that a device is: a session, what it was told,
 * and what it says.
 */
import type { Client } from "../../core/api/client.ts";
import { kindTable } from "../../core/api/kind-table.ts";
import { builtinKinds } from "../../core/api/kinds/built-in.ts";
import type { Log } from "../../core/api/log.ts";
import { silentLog } from "../../core/api/log.ts";
import type { AnyObject, KubeObject } from "../../core/api/meta.ts";
import { NAMESPACES, NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS } from "../../core/api/resources.gen.ts";
import type { Node, Pod } from "../../core/api/types.gen.ts";
import { AUTHENTICATED, MASTERS } from "../../core/api/user.ts";
import type { User } from "../../core/api/user.ts";
import type { Authorizer } from "../../core/auth/auth.ts";
import { authorizerChain, mastersAuthorizer } from "../../core/auth/authz/chain.ts";
import { nodeAuthorizer } from "../../core/auth/authz/node.ts";
import { rbacAuthorizer } from "../../core/auth/authz/rbac.ts";
import { defaultRbac } from "../../core/auth/default-rbac.ts";
import { informers } from "../../core/control/informers.ts";
import type { SharedInformers } from "../../core/control/informers.ts";
import { startHub } from "../../core/hub/hub.ts";
import type { Hub, HubOptions } from "../../core/hub/hub.ts";
import { openRegistry } from "../../core/registry/registry.ts";
import { memoryDriver } from "../../core/store/drivers/memory.ts";
import { openStore } from "../../core/store/open.ts";
import { memoryNetwork } from "../../core/wire/memory-link.ts";
import type { MemoryNetwork } from "../../core/wire/memory-link.ts";
import type { Down, Have, ObservedEvent, ObservedPod, Up } from "../../core/wire/messages.ts";
import { deviceSession } from "../../core/wire/session.ts";
import type { DeviceSession } from "../../core/wire/session.ts";
import { seededEntropy } from "../support/control-plane.ts";
import { hooksForTests } from "../support/kind-hooks.ts";
import type { VirtualClock } from "../support/virtual-clock.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const admin: User = { name: "admin", groups: [MASTERS, AUTHENTICATED] };

export interface Plane {
  readonly clock: VirtualClock;
  readonly admin: Client;
  readonly informers: SharedInformers;
  readonly network: MemoryNetwork;
  readonly complaints: string[];
  hub(): Hub;
  clientFor(user: User): Client;
  /** a new hub in the place of the old one, over the same network: the server was restarted */
  restartHub(): Promise<void>;
  device(name: string, options?: DeviceOptions): TestDevice;
  node(name: string): Promise<Node>;
  ready(name: string): Promise<string | undefined>;
}

export interface DeviceOptions {
  readonly have?: readonly Have[];
  /** false: says hello only, reports nothing by itself */
  readonly reports?: boolean;
  /** conditions and more of its node */
  readonly status?: AnyObject;
}

export interface TestDevice {
  readonly session: DeviceSession;
  /** by "resource/namespace/name" */
  readonly objects: Map<string, AnyObject>;
  readonly messages: Down[];
  accepted(): number;
  sessions(): number;
  observe(pods: readonly ObservedPod[], more?: { readonly events?: readonly ObservedEvent[]; readonly full?: boolean; readonly node?: Extract<Up, { type: "observed" }>["node"] }): Promise<number>;
  /** the process dies; the kernel closes its connection */
  stop(): Promise<void>;
}

export const nodeStatus = (ready = "True") =>
  ({
    capacity: { cpu: "4", memory: "1Gi", pods: "110" },
    allocatable: { cpu: "4", memory: "1Gi", pods: "110" },
    conditions: [
      { type: "MemoryPressure", status: "False", reason: "KubeletHasSufficientMemory", message: "kubelet has sufficient memory available" },
      { type: "Ready", status: ready, reason: "KubeletReady", message: "kubelet is posting ready status" },
    ],
  }) as unknown as AnyObject;

export type PlaneOptions = Partial<Pick<HubOptions, "control" | "forget" | "presence" | "renew" | "streams">> & {
  /** asked before the others: what this server grants beyond the usual */
  readonly grants?: Authorizer;
};

export async function plane(t: { readonly teardown: (end: () => Promise<void>) => void }, options: PlaneOptions = {}): Promise<Plane> {
  const clock = virtualClock();
  const entropy = seededEntropy(7);
  const complaints: string[] = [];
  const complain = (fields: { readonly [field: string]: unknown }, message: string) => void complaints.push(`${message}: ${JSON.stringify(fields, (_key, value: unknown) => (value instanceof Error ? value.message : value))}`);
  const log: Log = { ...silentLog, error: complain, warn: complain, child: () => log };
  const store = await openStore(memoryDriver(), { clock });
  const rbac = defaultRbac();
  const roles = new Map(rbac.clusterRoles.map((role) => [role.metadata.name ?? "", role]));
  const late: { informers?: SharedInformers } = {};
  const cached = () => {
    if (late.informers === undefined) throw new Error("asked before the informers are there");
    return late.informers;
  };
  const registry = openRegistry({
    store,
    kinds: kindTable(builtinKinds(hooksForTests)),
    authorizer: authorizerChain([
      mastersAuthorizer,
      ...(options.grants === undefined ? [] : [options.grants]),
      nodeAuthorizer({
        pod: (namespace, name) => cached().of(PODS).get(`${namespace}/${name}`),
        podsOf: (node) => cached().of(PODS).by("node", node),
        claim: (namespace, name) => cached().of(PERSISTENT_VOLUME_CLAIMS).get(`${namespace}/${name}`),
        volume: (name) => cached().of(PERSISTENT_VOLUMES).get(name),
        attachedTo: () => undefined,
      }),
      rbacAuthorizer({
        clusterRoleBindings: () => rbac.clusterRoleBindings,
        roleBindings: () => [],
        clusterRole: (name) => roles.get(name),
        role: () => undefined,
      }),
    ]),
    admission: [],
    clock,
    entropy,
    freeze: true,
  });
  const client = registry.clientFor(admin);
  for (const name of ["default", "kube-system"]) await client.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  const abort = new AbortController();
  const shared = informers(client, { clock, log, signal: abort.signal, entropy });
  late.informers = shared;
  const network = memoryNetwork({ clock, entropy, reconnectMs: 1_000 });
  const streams = memoryNetwork({ clock, entropy });
  let life = new AbortController();
  const begin = async () => {
    life = new AbortController();
    const starting = startHub({ control: network.hub, streams: streams.hub, clientFor: registry.clientFor, informers: shared, clock, entropy, log, signal: life.signal, ...options });
    await clock.settle();
    return starting;
  };
  let hub = await begin();
  t.teardown(async () => {
    life.abort();
    abort.abort();
    await store.close();
  });

  return {
    clock,
    admin: client,
    informers: shared,
    network,
    complaints,
    hub: () => hub,
    clientFor: registry.clientFor,
    async restartHub() {
      life.abort();
      network.forgetHub();
      hub = await begin();
    },
    device: (name, deviceOptions = {}) => testDevice(name, deviceOptions, { clock, entropy, network }),
    node: (name) => client.get(NODES, { name }),
    async ready(name) {
      const { status } = await client.get(NODES, { name });
      return status?.conditions?.find(({ type }) => type === "Ready")?.status;
    },
  };
}

function testDevice(
  name: string,
  { have = [], reports = true, status = nodeStatus() }: DeviceOptions,
  { clock, entropy, network }: { clock: VirtualClock; entropy: ReturnType<typeof seededEntropy>; network: MemoryNetwork },
): TestDevice {
  const link = network.device(name);
  const session = deviceSession({ link, clock, entropy, log: silentLog });
  const objects = new Map<string, AnyObject>();
  const messages: Down[] = [];
  let accepted = 0;
  let sessions = 0;
  const kept = (): readonly Have[] =>
    [...objects].map(([key, { metadata }]) => {
      const [resource = "", namespace = "", object = ""] = key.split(" ");
      return [resource, namespace, object, metadata.uid ?? "", metadata.resourceVersion ?? ""] as const;
    });
  const observe: TestDevice["observe"] = (pods, more = {}) => session.send({ type: "observed", full: more.full ?? false, pods, events: more.events ?? [], node: more.node });

  session.onStart(() => {
    sessions++;
    session.send({ type: "hello", instance: "i", agentVersion: "test", have: objects.size > 0 ? kept() : have }).catch(() => {});
    if (reports) observe([], { full: true, node: { labels: { "kubernetes.io/hostname": name }, status } }).catch(() => {});
  });
  session.onMessage((body) => {
    messages.push(body);
    if (body.type === "accepted") accepted = body.observed;
    if (body.type !== "desired") return;
    const put = body.put.map((object) => [`${resourceOf(object)} ${object.metadata.namespace ?? ""} ${object.metadata.name ?? ""}`, object] as const);
    if (body.full) objects.clear();
    for (const key of body.drop) objects.delete(key.join(" "));
    for (const [key, object] of put) objects.set(key, object);
  });
  return { session, objects, messages, accepted: () => accepted, sessions: () => sessions, observe, stop: () => link.close() };
}

function resourceOf({ apiVersion, kind }: KubeObject): string {
  return `${apiVersion}/${kind.toLowerCase()}${kind.endsWith("s") ? "es" : "s"}`;
}

export function podOn(node: string, name: string, more: { readonly metadata?: object; readonly spec?: object } = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", ...more.metadata },
    spec: { nodeName: node, containers: [{ name: "main", image: "busybox" }], ...more.spec },
  };
}

export const reportOf = (pod: Pod, status: object): ObservedPod => ({
  namespace: pod.metadata.namespace ?? "",
  name: pod.metadata.name ?? "",
  uid: pod.metadata.uid ?? "",
  status: status as AnyObject,
});
