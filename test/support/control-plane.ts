/**
 * A control plane in one process under a virtual clock: memory store, registry with the default RBAC roles, informers,
 * and the controllers a test asks for. No HTTP, no devices: what a node would report, the test writes.
 */
import type { Client } from "../../core/api/client.ts";
import type { Entropy } from "../../core/api/entropy.ts";
import { kindTable } from "../../core/api/kind-table.ts";
import { builtinKinds } from "../../core/api/kinds/built-in.ts";
import { builtInHooks } from "../../core/api/kinds/hooks.ts";
import type { Kind, KindTable } from "../../core/api/kinds.ts";
import type { Log } from "../../core/api/log.ts";
import { silentLog } from "../../core/api/log.ts";
import { NAMESPACES, PODS, SERVICE_CIDRS } from "../../core/api/resources.gen.ts";
import type { Pod, PodStatus } from "../../core/api/types.gen.ts";
import { AUTHENTICATED, MASTERS } from "../../core/api/user.ts";
import type { User } from "../../core/api/user.ts";
import { timestamp } from "../../core/api/clock.ts";
import { mastersAuthorizer, authorizerChain } from "../../core/auth/authz/chain.ts";
import { rbacAuthorizer } from "../../core/auth/authz/rbac.ts";
import { defaultRbac } from "../../core/auth/default-rbac.ts";
import type { AdmissionPlugin } from "../../core/admission/admission.ts";
import { namespaceLifecycle } from "../../core/admission/namespace-lifecycle.ts";
import type { Controller } from "../../core/control/control.ts";
import type { SharedInformers } from "../../core/control/informers.ts";
import { informers } from "../../core/control/informers.ts";
import type { RunningController } from "../../core/control/loop.ts";
import { runController } from "../../core/control/loop.ts";
import type { AllDeps } from "../../core/controllers/all.ts";
import { openRegistry } from "../../core/registry/registry.ts";
import { memoryDriver } from "../../core/store/drivers/memory.ts";
import { openStore } from "../../core/store/open.ts";
import type { VirtualClock } from "./virtual-clock.ts";
import { virtualClock } from "./virtual-clock.ts";

const SERVICE_CIDR = "10.43.0.0/16";

export const admin: User = { name: "admin", groups: [MASTERS, AUTHENTICATED] };

export interface ControlPlane {
  readonly clock: VirtualClock;
  readonly kinds: KindTable;
  readonly clientFor: (user: User) => Client;
  /** acts as a member of system:masters */
  readonly admin: Client;
  readonly informers: SharedInformers;
  readonly deps: AllDeps;
  readonly signal: AbortSignal;
  /** starts controllers; they run until the test ends */
  run(...build: ((deps: AllDeps) => Controller)[]): Promise<readonly RunningController[]>;
  /** what the controllers complained about */
  readonly complaints: readonly string[];
  stop(): Promise<void>;
}

export interface ControlPlaneOptions {
  readonly admission?: readonly AdmissionPlugin[];
  /** rows besides the built-in ones */
  readonly kinds?: readonly Kind[];
}

export async function controlPlane(t: { readonly teardown: (end: () => Promise<void>) => void }, options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const clock = virtualClock();
  const entropy = seededEntropy(1);
  const complaints: string[] = [];
  const log: Log = {
    ...silentLog,
    warn: (fields, message) => void complaints.push(`${message}: ${explain(fields)}`),
    error: (fields, message) => void complaints.push(`${message}: ${explain(fields)}`),
    child: () => log,
  };
  const store = await openStore(memoryDriver(), { clock });
  const kinds = kindTable([...builtinKinds(builtInHooks), ...(options.kinds ?? [])]);
  const rbac = defaultRbac();
  const rolesByName = new Map(rbac.clusterRoles.map((role) => [role.metadata.name ?? "", role]));
  const authorizer = authorizerChain([
    mastersAuthorizer,
    rbacAuthorizer({
      clusterRoleBindings: () => rbac.clusterRoleBindings,
      roleBindings: (namespace) => rbac.roleBindings.filter(({ metadata }) => metadata.namespace === namespace),
      clusterRole: (name) => rolesByName.get(name),
      role: (namespace, name) => rbac.roles.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
    }),
  ]);
  const registry = openRegistry({
    store,
    kinds,
    authorizer,
    admission: (lookup) => [namespaceLifecycle({ lookup }), ...(options.admission ?? [])],
    services: { serviceCidr: SERVICE_CIDR },
    clock,
    entropy,
    freeze: true,
  });
  const client = registry.clientFor(admin);
  const range = { apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: "kubernetes" }, spec: { cidrs: [SERVICE_CIDR] } };
  await client.create(SERVICE_CIDRS, range);
  const abort = new AbortController();
  const shared = informers(client, { clock, log, signal: abort.signal, entropy });
  const deps: AllDeps = { informers: shared, clientFor: registry.clientFor, kinds, clock, entropy, log, signal: abort.signal, rootCa: "-----BEGIN CERTIFICATE-----\n" };
  const running: RunningController[] = [];
  const stop = async () => {
    abort.abort();
    await Promise.all(running.map(({ stopped }) => stopped));
    await store.close();
  };
  t.teardown(stop);
  for (const name of ["default", "kube-system"]) await client.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name } });

  return {
    clock,
    kinds,
    clientFor: registry.clientFor,
    admin: client,
    informers: shared,
    deps,
    signal: abort.signal,
    complaints,
    async run(...build) {
      const started = build.map((make) => runController(make(deps), { clock, log, signal: abort.signal, entropy }));
      running.push(...started);
      await shared.synced();
      await clock.settle();
      return started;
    },
    stop,
  };
}

/** What a node reports of a pod that runs and is ready. */
export async function reportRunning(plane: ControlPlane, pod: Pod, more: PodStatus = {}): Promise<Pod> {
  const at = timestamp(plane.clock.now());
  const status: PodStatus = {
    ...pod.status,
    phase: "Running",
    podIP: "10.42.0.7",
    podIPs: [{ ip: "10.42.0.7" }],
    startTime: at,
    conditions: [
      { type: "Ready", status: "True", lastTransitionTime: at },
      { type: "ContainersReady", status: "True", lastTransitionTime: at },
    ],
    ...more,
  };
  return reportStatus(plane, pod, status);
}

export async function reportStatus({ admin: client }: ControlPlane, pod: Pod, status: PodStatus): Promise<Pod> {
  const { namespace, name = "" } = pod.metadata;
  const { object } = await client.patch(PODS, { namespace, name, subresource: "status" }, { type: "merge", patch: { status } });
  return object;
}

export async function podsOf({ admin: client }: ControlPlane, namespace = "default"): Promise<readonly Pod[]> {
  return (await client.list(PODS, { namespace })).items;
}

/** Reports all pods of the namespace running that are not yet. */
export async function allRunning(plane: ControlPlane, namespace = "default"): Promise<void> {
  for (const pod of await podsOf(plane, namespace)) {
    if (pod.status?.phase !== "Running" && pod.metadata.deletionTimestamp === undefined) await reportRunning(plane, pod);
  }
  await plane.clock.settle();
}

function explain(fields: { readonly [field: string]: unknown }): string {
  const { error, object: key, controller, resource } = fields;
  return [controller, resource, key, error instanceof Error ? error.message : error].filter((part) => part !== undefined).join(" ");
}

/** A fixed sequence for each seed (mulberry32), so that a run can be repeated. */
export function seededEntropy(seed: number): Entropy {
  let state = seed;
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const bytes = (count: number) => Uint8Array.from({ length: count }, () => Math.floor(fraction() * 256));
  const alphabet = "bcdfghjklmnpqrstvwxz2456789";
  return {
    fraction,
    bytes,
    suffix: (length = 5) => Array.from({ length }, () => alphabet[Math.floor(fraction() * alphabet.length)]).join(""),
    uid() {
      const hex = Buffer.from(bytes(16)).toString("hex");
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
    },
  };
}
