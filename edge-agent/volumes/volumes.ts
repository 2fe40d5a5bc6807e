/**
 * The volumes of pods: made before the sandbox, brought up to date when the objects they show change, removed with the
 * pod. Everything is idempotent and found again from the pod's spec, so nothing about volumes has to be remembered.
 */
import { createHash } from "node:crypto";
import { chmod, chown, mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Container, Pod, ServiceAccountTokenProjection, Volume } from "../../core/api/types.gen.ts";
import type { AnyObject } from "../../core/api/meta.ts";
import type { DownwardFacts } from "../downward.ts";
import { ConfigError, expand, type ObjectSource, type Variables } from "../environment.ts";
import { podUid } from "../containers.ts";
import type { PodDirectories } from "../pod-directories.ts";
import { whole } from "../quantity.ts";
import type { Mount } from "../runtimes/runtime.ts";
import { writeAtomically } from "./atomic-directory.ts";
import { hostPath } from "./host-path.ts";
import type { Mounter } from "./mounts.ts";
import { projectedFiles, tokenOwner } from "./projection.ts";

export interface Volumes {
  /** changes when the content of the pod's volumes should */
  digest(pod: Pod): string;
  /** @throws Error with the message of a FailedMount event */
  mount(pod: Pod, facts: DownwardFacts): Promise<void>;
  /** @throws ConfigError when a subPath leaves its volume or cannot be expanded */
  mountsOf(pod: Pod, container: Container, variables: Variables): Promise<readonly Mount[]>;
  unmount(uid: string): Promise<void>;
}

export interface VolumesOptions {
  readonly directories: PodDirectories;
  readonly objects: ObjectSource;
  readonly mounter: Mounter;
  readonly token: (pod: Pod, source: ServiceAccountTokenProjection) => Promise<string>;
  /** changes when tokens of the pod are due for renewal */
  readonly tokenRound: (pod: Pod) => string;
}

export function volumes({ directories, objects, mounter, token, tokenRound }: VolumesOptions): Volumes {
  const pathOf = (pod: Pod, volume: Volume): string => {
    if (volume.hostPath !== undefined) return volume.hostPath.path;
    const claim = claimedPath(objects, pod, volume);
    return claim ?? directories.volume(podUid(pod), volume.name);
  };

  const prepare = async (pod: Pod, facts: DownwardFacts, volume: Volume): Promise<void> => {
    const fsGroup = pod.spec?.securityContext?.fsGroup;
    const directory = pathOf(pod, volume);
    if (volume.hostPath !== undefined) return void (await hostPath(volume.hostPath));
    if (volume.persistentVolumeClaim !== undefined) {
      if (claimedPath(objects, pod, volume) === undefined) throw new Error(`persistentvolumeclaim "${volume.persistentVolumeClaim.claimName}" is not bound to a volume of this device`);
      return void (await mkdir(directory, { recursive: true }));
    }
    if (volume.emptyDir !== undefined) {
      await mkdir(directory, { recursive: true });
      const { medium, sizeLimit } = volume.emptyDir;
      if (medium === "Memory") await mounter.tmpfs(directory, { sizeBytes: sizeLimit === undefined ? undefined : whole(sizeLimit) });
      // sticky for tmpfs, as mount(8) makes it
      await own(directory, fsGroup, medium === "Memory" ? 0o1777 : 0o777);
      return;
    }
    const files = await projectedFiles({ facts, objects, token }, volume);
    if (files === undefined) throw new Error(`volume "${volume.name}" is of a type that this device does not support`);
    await mkdir(directory, { recursive: true });
    if (volume.configMap === undefined) await mounter.tmpfs(directory, {});
    const user = volume.projected === undefined ? undefined : tokenOwner(pod);
    await writeAtomically(directory, files, { uid: user, gid: fsGroup });
    if (fsGroup !== undefined) await own(directory, fsGroup, 0o777);
  };

  return {
    digest(pod) {
      const parts = (pod.spec?.volumes ?? []).flatMap((volume) => references(pod, volume).map(([resource, name]) => versionOf(objects.get(resource, pod.metadata.namespace ?? "", name))));
      const live = [pod.metadata.labels ?? {}, pod.metadata.annotations ?? {}];
      return createHash("sha256").update(JSON.stringify([parts, live, tokenRound(pod)])).digest("hex").slice(0, 16);
    },
    async mount(pod, facts) {
      for (const volume of pod.spec?.volumes ?? []) {
        try {
          await prepare(pod, facts, volume);
        } catch (error) {
          throw new Error(`MountVolume.SetUp failed for volume "${volume.name}" : ${error instanceof Error ? error.message : String(error)}`, { cause: error });
        }
      }
    },
    async mountsOf(pod, container, variables) {
      const out: Mount[] = [];
      for (const { name, mountPath, readOnly, subPath, subPathExpr, mountPropagation } of container.volumeMounts ?? []) {
        const volume = pod.spec?.volumes?.find((each) => each.name === name);
        if (volume === undefined) throw new ConfigError(`cannot find volume "${name}" to mount into container "${container.name}"`);
        const base = pathOf(pod, volume);
        const below = subPathExpr === undefined || subPathExpr === "" ? (subPath ?? "") : expandPath(subPathExpr, variables);
        if (below.startsWith("/")) throw new ConfigError(`error SubPath \`${below}\` must not be an absolute path`);
        if (below.split("/").includes("..")) throw new ConfigError(`unable to provision SubPath \`${below}\`: must not contain '..'`);
        const path = below === "" ? base : join(base, below);
        if (below !== "" && (await stat(path).catch(() => undefined)) === undefined) await mkdir(path, { recursive: true, mode: 0o750 }).then(() => chmod(path, 0o777));
        const fixed = volume.configMap !== undefined || volume.secret !== undefined || volume.projected !== undefined || volume.downwardAPI !== undefined;
        out.push({
          containerPath: mountPath,
          hostPath: path,
          readOnly: fixed || readOnly === true,
          ...(mountPropagation === undefined ? {} : { propagation: mountPropagation as "None" | "HostToContainer" | "Bidirectional" }),
        });
      }
      return out;
    },
    async unmount(uid) {
      const directory = directories.volumes(uid);
      await mounter.unmountBelow(directory);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function expandPath(expression: string, variables: Variables): string {
  const path = expand(expression, variables);
  const unresolved = /\$\(([^()]*)\)/.exec(path);
  if (unresolved !== null) throw new ConfigError(`missing value for "${unresolved[1]}"`);
  return path;
}

/** The group may do what the owner may, and new files belong to it (KEP-695). */
async function own(directory: string, fsGroup: number | undefined, mode: number): Promise<void> {
  await chmod(directory, mode);
  if (fsGroup === undefined) return;
  await chown(directory, 0, fsGroup);
  await chmod(directory, mode | 0o2000);
}

/** hostPath volumes behind claims: the device's directory. */
function claimedPath(objects: ObjectSource, pod: Pod, { persistentVolumeClaim: claim }: Volume): string | undefined {
  if (claim === undefined) return undefined;
  const spec = objects.get("v1/persistentvolumeclaims", pod.metadata.namespace ?? "", claim.claimName)?.["spec"] as { readonly volumeName?: string } | undefined;
  const source = objects.get("v1/persistentvolumes", "", spec?.volumeName ?? "")?.["spec"] as { readonly hostPath?: { readonly path?: string }; readonly local?: { readonly path?: string } } | undefined;
  return source?.hostPath?.path ?? source?.local?.path;
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
