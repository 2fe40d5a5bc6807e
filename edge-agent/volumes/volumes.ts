/**
 * The volumes of pods: made before the sandbox, brought up to date when the objects they show change, removed with the
 * pod. Everything is idempotent and found again from the pod's spec, so nothing about volumes has to be remembered.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Container, EmptyDirVolumeSource, Pod, ServiceAccountTokenProjection, Volume, VolumeMount } from "../../core/api/types.gen.ts";
import type { AnyObject } from "../../core/api/meta.ts";
import type { DownwardFacts } from "../downward.ts";
import { ConfigError, expand, type ObjectSource, type Variables } from "../environment.ts";
import { podUid } from "../containers.ts";
import type { PodDirectories } from "../pod-directories.ts";
import { podLimits } from "../pod-resources.ts";
import { quantity, whole } from "../quantity.ts";
import type { Mount, MountSource } from "../runtimes/runtime.ts";
import { writeAtomically } from "./atomic-directory.ts";
import { openBeneath, placeOf, readBeneath } from "./beneath.ts";
import { placeOfVolume, type Place } from "./claims.ts";
import { hostPath } from "./host-path.ts";
import { MEMORY, tmpfs, type Mounter } from "./mounts.ts";
import { isInMemory, ownPlace } from "./own-place.ts";
import { ownDirectory, ownTree } from "./ownership.ts";
import { projectedFiles } from "./projection.ts";

export interface Volumes {
  /** changes when the content of the pod's volumes should */
  digest(pod: Pod): string;
  /** nothing that the pod's volumes are made of is missing, or somebody else's to give */
  certain(pod: Pod): boolean;
  /** @throws Error with the message of a FailedMount event */
  mount(pod: Pod, facts: DownwardFacts): Promise<void>;
  /** mounts the content of an image as a volume of the pod, once */
  mountImage(pod: Pod, volume: string, source: () => Promise<MountSource>): Promise<void>;
  /** @throws ConfigError when a subPath leaves its volume or cannot be expanded */
  mountsOf(pod: Pod, container: Container, variables: Variables): Promise<readonly Mount[]>;
  /** text of a file in a volume; undefined: it is not there. @throws Error when it leaves the volume or is too large */
  read(pod: Pod, volume: string, path: string): Promise<string | undefined>;
  unmount(uid: string): Promise<void>;
  /** takes away what volumes share. `all`: with the volumes that are left, because no pod runs any more */
  close(all: boolean): Promise<void>;
}

export interface VolumesOptions {
  readonly directories: PodDirectories;
  readonly objects: ObjectSource;
  readonly mounter: Mounter;
  readonly token: (pod: Pod, source: ServiceAccountTokenProjection) => Promise<string>;
  /** changes when tokens of the pod are due for renewal */
  readonly tokenRound: (pod: Pod) => string;
}

/** Volumes that the agent makes by itself. */
const OWN = ["configMap", "secret", "downwardAPI", "projected", "emptyDir", "image"] as const;
/** Environment files are short (KEP-3721: 64 KiB). */
const MAX_FILE_BYTES = 64 * 1024;

export function volumes({ directories, objects, mounter, token, tokenRound }: VolumesOptions): Volumes {
  const own = (pod: Pod, volume: Volume) => ownPlace(directories, podUid(pod), volume);
  let memory: Promise<void> | undefined;
  /** One for all pods: a mount of each volume's own is two more programs to run per pod. */
  const openMemory = () => {
    memory ??= mountMemory().catch((error: unknown) => {
      memory = undefined;
      throw error;
    });
    return memory;
  };
  const mountMemory = async () => {
    await mkdir(directories.memory, { recursive: true, mode: 0o711 });
    await mounter.mount(directories.memory, MEMORY);
  };
  const pathOf = (pod: Pod, volume: Volume): string => {
    const place = placeOfVolume(objects, pod, volume);
    return place?.hostPath?.path ?? place?.local?.path ?? own(pod, volume);
  };

  const prepare = async (pod: Pod, facts: DownwardFacts, volume: Volume): Promise<void> => {
    const fsGroup = pod.spec?.securityContext?.fsGroup;
    const place = placeOfVolume(objects, pod, volume);
    const directory = own(pod, volume);
    // it is there when its image is, which is the container's affair
    if (volume.image !== undefined) return;
    if (place !== undefined) return preparePlace(place, { pod, volume, directory });
    if (volume.emptyDir !== undefined) return prepareEmpty(volume.emptyDir, { directory, fsGroup, memoryBytes: memoryOf(pod, facts) });
    const files = await projectedFiles({ facts, objects, token }, volume);
    if (files === undefined) throw new Error(`volume "${volume.name}" is of a type that this device does not support`);
    if (isInMemory(volume)) await openMemory();
    await mkdir(directory, { recursive: true });
    await writeAtomically(directory, files, fsGroup);
    if (fsGroup !== undefined || isInMemory(volume)) await ownDirectory(directory, fsGroup, 0o777);
  };

  const preparePlace = async ({ hostPath: host, local, nfs, mountOptions = [], readOnly }: Place, { pod, volume, directory }: { readonly pod: Pod; readonly volume: Volume; readonly directory: string }) => {
    if (host !== undefined) return void (await hostPath(host));
    if (nfs !== undefined) {
      await mkdir(directory, { recursive: true });
      await mounter.mount(directory, { type: "nfs", source: `${nfs.server}:${nfs.path}`, options: [...(readOnly ? ["ro"] : []), ...mountOptions] });
      return;
    }
    const path = local?.path ?? "";
    if ((await stat(path).catch(() => undefined)) === undefined) throw new Error(`path "${path}" does not exist`);
    const { fsGroup, fsGroupChangePolicy = "Always" } = pod.spec?.securityContext ?? {};
    if (fsGroup !== undefined && volume.persistentVolumeClaim?.readOnly !== true) await ownTree(path, fsGroup, fsGroupChangePolicy);
  };

  const prepareEmpty = async ({ medium = "", sizeLimit }: EmptyDirVolumeSource, { directory, fsGroup, memoryBytes }: { readonly directory: string; readonly fsGroup: number | undefined; readonly memoryBytes: number }) => {
    let fresh = (await mkdir(directory, { recursive: true })) !== undefined;
    if (medium === "Memory") fresh = await mounter.mount(directory, tmpfs(Math.min(sizeLimit === undefined ? Number.POSITIVE_INFINITY : whole(sizeLimit), memoryBytes)));
    else if (medium.startsWith("HugePages")) fresh = await mounter.mount(directory, { type: "hugetlbfs", source: "nodev", options: hugePageOptions(medium) });
    // what a container made of it since is its own affair; a tmpfs is sticky, as mount(8) makes it
    if (fresh) await ownDirectory(directory, fsGroup, medium === "Memory" ? 0o1777 : 0o777);
  };

  /** A mount of the very place that was checked: a container that swaps names later changes nothing. */
  const pin = async (base: string, below: string, target: string): Promise<string> => {
    const place = await openBeneath(base, below, (await stat(base)).mode & 0o7777);
    try {
      if ((await place.stat()).isDirectory()) await mkdir(target, { recursive: true, mode: 0o750 });
      else {
        await mkdir(dirname(target), { recursive: true, mode: 0o750 });
        await writeFile(target, "");
      }
      return (await mounter.bind(placeOf(place), target)) ? target : join(base, below);
    } finally {
      await place.close();
    }
  };

  return {
    digest(pod) {
      const parts = (pod.spec?.volumes ?? []).flatMap((volume) => references(pod, volume).map(([resource, name]) => versionOf(objects.get(resource, pod.metadata.namespace ?? "", name))));
      const live = [pod.metadata.labels ?? {}, pod.metadata.annotations ?? {}];
      return createHash("sha256").update(JSON.stringify([parts, live, tokenRound(pod), [...usedVolumes(pod)]])).digest("hex").slice(0, 16);
    },
    certain(pod) {
      const { namespace = "" } = pod.metadata;
      return (pod.spec?.volumes ?? []).every((volume) => OWN.some((source) => volume[source] !== undefined) && references(pod, volume).every(([resource, name]) => objects.get(resource, namespace, name) !== undefined));
    },
    async mount(pod, facts) {
      const used = usedVolumes(pod);
      for (const volume of (pod.spec?.volumes ?? []).filter(({ name }) => used.has(name))) {
        try {
          await prepare(pod, facts, volume);
        } catch (error) {
          const text = error instanceof Error ? error.message : String(error);
          throw new Error(text.startsWith("Unable to attach") ? text : `MountVolume.SetUp failed for volume "${volume.name}" : ${text}`, { cause: error });
        }
      }
    },
    async mountImage(pod, name, source) {
      const directory = directories.volume(podUid(pod), name);
      if (await mounter.mounted(directory)) return;
      await mkdir(directory, { recursive: true });
      await mounter.mount(directory, await source());
    },
    async mountsOf(pod, container, variables) {
      const targets = directories.subPaths(podUid(pod), container.name);
      if ((container.volumeMounts ?? []).some(({ subPath = "", subPathExpr = "" }) => subPath + subPathExpr !== "")) {
        // those of the container before this one
        await mounter.unmountBelow(targets);
        await rm(targets, { recursive: true, force: true });
      }
      const out: Mount[] = [];
      for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
        const { name, mountPath, readOnly, recursiveReadOnly = "Disabled", mountPropagation } = mount;
        const volume = pod.spec?.volumes?.find((each) => each.name === name);
        if (volume === undefined) throw new ConfigError(`cannot find volume "${name}" to mount into container "${container.name}"`);
        const base = pathOf(pod, volume);
        const below = subPathOf(mount, variables);
        const path = below === "" ? base : await pin(base, below, join(targets, String(index))).catch((error: unknown) => {
          throw new ConfigError(`failed to prepare subPath for volumeMount "${name}" of container "${container.name}"`, { cause: error });
        });
        const fixed = volume.configMap !== undefined || volume.secret !== undefined || volume.projected !== undefined || volume.downwardAPI !== undefined || volume.image !== undefined;
        out.push({
          volume: name,
          containerPath: mountPath,
          hostPath: path,
          readOnly: fixed || readOnly === true || placeOfVolume(objects, pod, volume)?.readOnly === true,
          ...(readOnly === true && recursiveReadOnly !== "Disabled" ? { recursiveReadOnly: recursiveReadOnly as "IfPossible" | "Enabled" } : {}),
          ...(mountPropagation === undefined ? {} : { propagation: mountPropagation as "None" | "HostToContainer" | "Bidirectional" }),
        });
      }
      return out;
    },
    async read(pod, name, path) {
      const volume = pod.spec?.volumes?.find((each) => each.name === name);
      if (volume === undefined) throw new ConfigError(`cannot find volume "${name}"`);
      return readBeneath(pathOf(pod, volume), path, MAX_FILE_BYTES);
    },
    async unmount(uid) {
      await mounter.unmountBelow(directories.pod(uid));
      await rm(directories.volumes(uid), { recursive: true, force: true });
      await rm(directories.memoryVolumes(uid), { recursive: true, force: true });
    },
    async close(all) {
      if (all) await mounter.unmountBelow(directories.root);
      const left = await readdir(directories.memory).catch(() => []);
      if (all || left.length === 0) await mounter.unmountBelow(directories.memory);
    },
  };
}

/** Those that a container mounts or reads its environment from; others are not made, as with kubelet. */
function usedVolumes({ spec }: Pod): ReadonlySet<string> {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])];
  return new Set(containers.flatMap(({ volumeMounts = [], volumeDevices = [], env = [] }) => [
    ...volumeMounts.map(({ name }) => name),
    ...volumeDevices.map(({ name }) => name),
    ...env.flatMap(({ valueFrom }) => valueFrom?.fileKeyRef?.volumeName ?? []),
  ]));
}

/** What a memory volume may take at most: the pod's own limit, else what the device has for pods. */
function memoryOf(pod: Pod, { allocatable }: DownwardFacts): number {
  const { memory } = allocatable;
  return podLimits(pod)["memory"] ?? (memory === undefined ? Number.POSITIVE_INFINITY : quantity(memory));
}

/** "HugePages-2Mi" names a page size, "HugePages" leaves it to the kernel. */
function hugePageOptions(medium: string): string[] {
  const size = medium.slice("HugePages-".length);
  return size === "" ? [] : [`pagesize=${size.replace(/i$/, "")}`];
}

function subPathOf({ subPath = "", subPathExpr = "" }: VolumeMount, variables: Variables): string {
  const below = subPathExpr === "" ? subPath : expandPath(subPathExpr, variables);
  if (below.startsWith("/")) throw new ConfigError(`error SubPath \`${below}\` must not be an absolute path`);
  if (below.split("/").includes("..")) throw new ConfigError(`unable to provision SubPath \`${below}\`: must not contain '..'`);
  return below;
}

function expandPath(expression: string, variables: Variables): string {
  const path = expand(expression, variables);
  const unresolved = /\$\(([^()]*)\)/.exec(path);
  if (unresolved !== null) throw new ConfigError(`missing value for "${unresolved[1]}"`);
  return path;
}

function references(_pod: Pod, { configMap, secret, projected }: Volume): [string, string][] {
  const sources = [{ configMap, secret: secret === undefined ? undefined : { name: secret.secretName ?? "" } }, ...(projected?.sources ?? [])];
  return sources.flatMap((source) => [
    ...(source.configMap === undefined ? [] : [["v1/configmaps", source.configMap.name ?? ""] as [string, string]]),
    ...(source.secret === undefined ? [] : [["v1/secrets", source.secret.name ?? ""] as [string, string]]),
  ]);
}

function versionOf(object: AnyObject | undefined): string {
  return object === undefined ? "" : `${object.metadata.uid} ${object.metadata.resourceVersion}`;
}
