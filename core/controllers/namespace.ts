/**
 * Empties namespaces that are being deleted, then lets them go. Pods first (KEP-5080): nothing that a running pod relies
 * on, such as a NetworkPolicy, is taken away under it. Five conditions tell the user what it still waits for.
 */
import type { Client, Resource } from "../api/client.ts";
import { timestamp } from "../api/clock.ts";
import { sameJson } from "../api/json.ts";
import type { Kind, KindTable } from "../api/kinds.ts";
import { NAMESPACES, PODS } from "../api/resources.gen.ts";
import { isReason, unlessGone } from "../api/status.ts";
import type { Namespace, NamespaceCondition } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import { withCondition } from "./conditions.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { present } from "./json.ts";

const FINALIZER = "kubernetes";
/** Between two looks at a namespace that still holds something: a quarter of the time it has taken so far, within these. */
const LOOK_FIRST_MS = 200;
const LOOK_CAP_MS = 15_000;

/** What is left of one resource after everything deletable was deleted. */
export interface Remains {
  readonly group: string;
  readonly plural: string;
  readonly count: number;
  /** finalizer → objects that have it */
  readonly finalizers: ReadonlyMap<string, number>;
  readonly error?: string;
}

export function namespace(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "namespace-controller");
  const namespaces = deps.informers.of(NAMESPACES);
  const pods = deps.informers.of(PODS);
  const leaving = (name: string | undefined) => (name !== undefined && namespaces.get(name)?.metadata.deletionTimestamp !== undefined ? [name] : []);
  return {
    name: "namespace",
    workers: 10,
    watches: [watching(namespaces, ({ metadata }) => leaving(metadata.name)), watching(pods, ({ metadata }) => leaving(metadata.namespace))],
    async reconcile(name) {
      const seen = namespaces.get(name);
      if (seen?.metadata.deletionTimestamp === undefined || !hasFinalizer(seen)) return undefined;
      const found = await client.get(NAMESPACES, { name }).catch((error: unknown) => {
        if (isReason(error, "NotFound")) return undefined;
        throw error;
      });
      if (found?.metadata.deletionTimestamp === undefined || found.metadata.uid !== seen.metadata.uid || !hasFinalizer(found)) return undefined;

      const remains = await empty(client, deps.kinds, name);
      const now = deps.clock.now();
      const status = present({ phase: "Terminating" as const, conditions: conditions(found.status?.conditions, remains, now) });
      const noted = sameJson(status, found.status) ? found : await client.update(NAMESPACES, { name, subresource: "status" }, { ...found, status });
      if (remains.length > 0) {
        const waited = now - Date.parse(found.metadata.deletionTimestamp);
        return { afterMs: Math.min(LOOK_CAP_MS, Math.max(LOOK_FIRST_MS, waited / 4)) };
      }
      const finalizers = (noted.spec?.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
      await client.update(NAMESPACES, { name, subresource: "finalize" }, { ...noted, spec: { ...noted.spec, finalizers } });
      return undefined;
    },
  };
}

const hasFinalizer = ({ spec }: Namespace) => (spec?.finalizers ?? []).includes(FINALIZER);

/** The resources whose objects live in namespaces, each under one version. */
export function contents(kinds: KindTable): readonly Kind[] {
  const seen = new Map<string, Kind>();
  for (const kind of kinds.all()) {
    const deletable = kind.namespaced && kind.verbs.includes("list") && kind.verbs.includes("delete");
    // events.k8s.io shows the objects of the core group's events
    if (!deletable || (kind.group === "events.k8s.io" && kind.plural === "events")) continue;
    const name = `${kind.group}/${kind.plural}`;
    if (!seen.has(name) || kind.version === kind.storageVersion) seen.set(name, kind);
  }
  return [...seen.values()];
}

async function empty(client: Client, kinds: KindTable, namespaceName: string): Promise<readonly Remains[]> {
  const pods = await emptyOf(client, PODS, true, namespaceName);
  if (pods !== undefined) return [pods];
  const remains: Remains[] = [];
  for (const kind of contents(kinds)) {
    if (kind.group === "" && kind.plural === "pods") continue;
    const left = await emptyOf(client, kind, kind.verbs.includes("deletecollection"), namespaceName);
    if (left !== undefined) remains.push(left);
  }
  return remains;
}

async function emptyOf(client: Client, resource: Pick<Resource, "group" | "version" | "plural">, collection: boolean, namespaceName: string): Promise<Remains | undefined> {
  const { group, version, plural } = resource;
  const of: Resource = { group, version, plural };
  const none = { group, plural, count: 0, finalizers: new Map<string, number>() };
  try {
    const before = await client.list(of, { namespace: namespaceName });
    if (before.items.length === 0) return undefined;
    if (collection) await client.deleteCollection(of, { namespace: namespaceName, propagationPolicy: "Background" });
    else {
      for (const { metadata } of before.items) {
        await unlessGone(client.delete(of, { namespace: namespaceName, name: metadata.name ?? "" }, { propagationPolicy: "Background" }));
      }
    }
    const { items } = await client.list(of, { namespace: namespaceName });
    if (items.length === 0) return undefined;
    const finalizers = new Map<string, number>();
    for (const { metadata } of items) {
      for (const finalizer of metadata.finalizers ?? []) finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
    }
    return { ...none, count: items.length, finalizers };
  } catch (error) {
    // a custom resource that went away has no objects any more
    if (isReason(error, "NotFound") || isReason(error, "MethodNotAllowed")) return undefined;
    return { ...none, error: error instanceof Error ? error.message : String(error) };
  }
}

export function conditions(before: readonly NamespaceCondition[] | undefined, remains: readonly Remains[], now: number): readonly NamespaceCondition[] {
  const counted = remains.filter(({ count }) => count > 0);
  const errors = remains.map(({ error }) => error).filter((error) => error !== undefined);
  const finalizers = new Map<string, number>();
  for (const left of counted) for (const [name, count] of left.finalizers) finalizers.set(name, (finalizers.get(name) ?? 0) + count);
  const resources = counted.map(({ plural, group, count }) => `${plural}.${group} has ${count} resource instances`).toSorted();
  const holders = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`).toSorted();
  const rows: readonly (readonly [type: string, failing: boolean, good: readonly [string, string], bad: readonly [string, string]])[] = [
    ["NamespaceDeletionDiscoveryFailure", false, ["ResourcesDiscovered", "All resources successfully discovered"], ["", ""]],
    ["NamespaceDeletionGroupVersionParsingFailure", false, ["ParsedGroupVersions", "All legacy kube types successfully parsed"], ["", ""]],
    [
      "NamespaceDeletionContentFailure",
      errors.length > 0,
      ["ContentDeleted", "All content successfully deleted, may be waiting on finalization"],
      ["ContentDeletionFailed", `Failed to delete all resource types, ${errors.length} remaining: ${errors.join(", ")}`],
    ],
    [
      "NamespaceContentRemaining",
      counted.length > 0,
      ["ContentRemoved", "All content successfully removed"],
      ["SomeResourcesRemain", `Some resources are remaining: ${resources.join(", ")}`],
    ],
    [
      "NamespaceFinalizersRemaining",
      holders.length > 0,
      ["ContentHasNoFinalizers", "All content-preserving finalizers finished"],
      ["SomeFinalizersRemain", `Some content in the namespace has finalizers remaining: ${holders.join(", ")}`],
    ],
  ];
  let all = before ?? [];
  for (const [type, failing, good, bad] of rows) {
    const [reason, message] = failing ? bad : good;
    all = withCondition(all, { type, status: failing ? "True" : "False", reason, message, lastTransitionTime: timestamp(now) });
  }
  return all;
}
