/** From a claim in a pod to the place where its data is: only volumes that a device reaches by itself. */
import type { LocalVolumeSource, NFSVolumeSource, PersistentVolume, PersistentVolumeClaim, Pod, Volume, HostPathVolumeSource } from "../../core/api/types.gen.ts";
import type { ObjectSource } from "../environment.ts";

export interface Place {
  readonly hostPath?: HostPathVolumeSource | undefined;
  readonly local?: LocalVolumeSource | undefined;
  readonly nfs?: NFSVolumeSource | undefined;
  readonly mountOptions?: readonly string[] | undefined;
  readonly readOnly: boolean;
}

/** The claim of a volume: its own, or the one that is made for the pod (KEP-1698). */
export function claimName(pod: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): string | undefined {
  return persistentVolumeClaim?.claimName ?? (ephemeral === undefined ? undefined : `${pod.metadata.name}-${name}`);
}

/** Where a volume's data is; undefined: the volume names no such place. @throws Error when its claim leads nowhere */
export function placeOfVolume(objects: ObjectSource, pod: Pod, volume: Volume): Place | undefined {
  const claim = claimName(pod, volume);
  if (claim === undefined) {
    const { hostPath, nfs } = volume;
    return hostPath === undefined && nfs === undefined ? undefined : { hostPath, nfs, readOnly: nfs?.readOnly === true };
  }
  const namespace = pod.metadata.namespace ?? "";
  const refuse = (why: string) => new Error(`Unable to attach or mount volumes: unmounted volumes=[${volume.name}], unattached volumes=[], failed to process volumes=[${volume.name}]: error processing PVC ${namespace}/${claim}: ${why}`);
  const found = objects.get("v1/persistentvolumeclaims", namespace, claim) as PersistentVolumeClaim | undefined;
  if (found === undefined) throw refuse(`failed to fetch PVC from API server: persistentvolumeclaims "${claim}" not found`);
  const volumeName = found.spec?.volumeName ?? "";
  if (volumeName === "" || found.status?.phase !== "Bound") throw refuse("PVC is not bound");
  const spec = (objects.get("v1/persistentvolumes", "", volumeName) as PersistentVolume | undefined)?.spec;
  if (spec === undefined) throw refuse(`failed to fetch PV ${volumeName} from API server: persistentvolumes "${volumeName}" not found`);
  if (spec.hostPath === undefined && spec.local === undefined && spec.nfs === undefined) throw refuse(`this device cannot mount volumes like ${volumeName}: only hostPath, local and nfs`);
  return { hostPath: spec.hostPath, local: spec.local, nfs: spec.nfs, mountOptions: spec.mountOptions, readOnly: volume.persistentVolumeClaim?.readOnly === true || spec.nfs?.readOnly === true };
}
