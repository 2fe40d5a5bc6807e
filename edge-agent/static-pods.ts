/**
 * Pods from files on the device itself (Kubernetes documentation, "static Pods"): they run whether there ever was a server
 * or not. They join the desired set; what the API shows of them are mirrors, which the hub makes from the device's
 * report and which nobody runs. A mirror that somebody deletes is reported again, one without a file as gone.
 */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { timestamp, type Clock } from "../core/api/clock.ts";
import type { Log } from "../core/api/log.ts";
import type { Pod } from "../core/api/types.gen.ts";
import type { Desired } from "./desired.ts";
import type { Report } from "./report.ts";

export interface StaticPodsParts {
  readonly directory: string;
  readonly nodeName: string;
  readonly desired: Desired;
  readonly report: Report;
  readonly clock: Clock;
  readonly log: Log;
}

export interface StaticPods {
  /** what the server wants and what the files say, without mirrors */
  readonly desired: Desired;
  /** the uid on the device of a pod that the API knows by this one */
  uidOf(uid: string): string;
  close(): void;
}

export const MIRROR = "kubernetes.io/config.mirror";
/** kubelet's fileCheckFrequency */
const LOOK_MS = 20_000;
/** A manifest that is larger is a mistake. */
const MAX_BYTES = 1024 * 1024;

export async function staticPods({ directory, nodeName, desired, report, clock, log }: StaticPodsParts): Promise<StaticPods> {
  let pods = new Map<string, Pod>();
  /** by path: what was read at which moment of change */
  let files = new Map<string, { readonly changed: number; readonly pod: Pod | undefined }>();
  let shown = new Set<string>();
  const listeners: (() => void)[] = [];

  const read = async () => {
    const next: typeof files = new Map();
    for (const name of (await readdir(directory).catch((): string[] => [])).toSorted()) {
      if (!/^[^.].*\.(ya?ml|json)$/.test(name)) continue;
      const path = join(directory, name);
      const stats = await stat(path).catch(() => undefined);
      if (stats?.isFile() !== true) continue;
      const known = files.get(path);
      next.set(path, known?.changed === stats.mtimeMs ? known : { changed: stats.mtimeMs, pod: await load(path, stats.mtimeMs) });
    }
    const same = next.size === files.size && [...next].every(([path, file]) => files.get(path) === file);
    files = next;
    if (same) return;
    pods = new Map([...files.values()].flatMap(({ pod }) => (pod === undefined ? [] : [[pod.metadata.uid ?? "", pod]])));
    mirrorsChanged();
    for (const listener of listeners) listener();
  };
  const load = async (path: string, changed: number): Promise<Pod | undefined> => {
    try {
      const text = await readFile(path, "utf8");
      if (text.length > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
      return staticPod(path.endsWith(".json") ? JSON.parse(text) : await yaml(text), { nodeName, text, changed });
    } catch (error) {
      log.warn({ file: path, error: error instanceof Error ? error.message : String(error) }, "this file is no pod that can be run");
      return undefined;
    }
  };

  const mirrors = () => new Map(desired.pods().flatMap((pod) => (mirrorOf(pod) === undefined ? [] : [[mirrorOf(pod) ?? "", pod]])));
  const mirrorsChanged = () => {
    const present = mirrors();
    for (const [uid, { metadata }] of present) {
      if (!pods.has(uid)) report.pod(uid, { namespace: metadata.namespace ?? "", name: metadata.name ?? "", gone: true });
      else if (metadata.deletionTimestamp !== undefined) report.again(uid);
    }
    for (const uid of shown) {
      if (present.has(uid)) continue;
      if (pods.has(uid)) report.again(uid);
      else report.forget(uid);
    }
    shown = new Set(present.keys());
  };
  desired.onChange(mirrorsChanged);
  await read();
  let cancel: (() => void) | undefined;
  let closed = false;
  const later = () => {
    if (!closed) cancel = clock.after(LOOK_MS, () => void read().then(later));
  };
  later();

  return {
    desired: {
      ...desired,
      pods: () => [...desired.pods().filter((pod) => mirrorOf(pod) === undefined), ...pods.values()],
      pod(uid) {
        const own = pods.get(uid);
        if (own !== undefined) return own;
        const pod = desired.pod(uid);
        return pod === undefined || mirrorOf(pod) !== undefined ? undefined : pod;
      },
      onChange(listener) {
        listeners.push(listener);
        desired.onChange(listener);
      },
    },
    uidOf(uid) {
      const pod = desired.pod(uid);
      return (pod === undefined ? undefined : mirrorOf(pod)) ?? uid;
    },
    close() {
      closed = true;
      cancel?.();
    },
  };
}

export function isStatic({ metadata }: Pod): boolean {
  return metadata.annotations?.["kubernetes.io/config.source"] === "file";
}

function mirrorOf({ metadata }: Pod): string | undefined {
  return metadata.annotations?.[MIRROR];
}

async function yaml(text: string): Promise<unknown> {
  // a parser that only devices with such files need
  const { parseYaml } = await import("../core/api/schema/parse-yaml.ts");
  return parseYaml(text).value;
}

/** @throws Error when it is no pod, or one that needs objects of the API */
function staticPod(value: unknown, { nodeName, text, changed }: { readonly nodeName: string; readonly text: string; readonly changed: number }): Pod {
  const { apiVersion, kind, metadata, spec } = (value ?? {}) as Partial<Pod>;
  if (apiVersion !== "v1" || kind !== "Pod") throw new Error(`expected a v1 Pod, got ${apiVersion} ${kind}`);
  if (metadata?.name === undefined || spec?.containers === undefined || spec.containers.length === 0) throw new Error("a pod needs metadata.name and spec.containers");
  const needs = API_OBJECTS.find((field) => JSON.stringify(spec).includes(`"${field}":`));
  if (needs !== undefined) throw new Error(`static pods cannot use ${needs}: they run without the API`);
  const uid = createHash("sha256").update(nodeName).update("\n").update(text).digest("hex").slice(0, 32);
  return {
    apiVersion,
    kind,
    metadata: {
      ...metadata,
      name: `${metadata.name}-${nodeName}`,
      namespace: metadata.namespace ?? "default",
      uid,
      creationTimestamp: timestamp(changed),
      annotations: { ...metadata.annotations, "kubernetes.io/config.hash": uid, "kubernetes.io/config.seen": timestamp(changed), "kubernetes.io/config.source": "file" },
    },
    spec: {
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
      enableServiceLinks: true,
      automountServiceAccountToken: false,
      ...spec,
      nodeName,
      tolerations: [...(spec.tolerations ?? []), { operator: "Exists", effect: "NoExecute" }],
    },
  } as Pod;
}

/** What a device without a server cannot have, and NodeRestriction would refuse to show. */
const API_OBJECTS = ["configMap", "configMapRef", "configMapKeyRef", "secret", "secretRef", "secretKeyRef", "persistentVolumeClaim", "serviceAccountName", "serviceAccountToken", "ephemeralContainers"] as const;
