/** What a container does with the volumes of its pod: mounts and block devices. */
import type { VolumeDevice, VolumeMount } from "../../types.gen.ts";
import { type Errors, check, forbidden, invalid, isEmpty, notFound, notSupported, required } from "./errors.ts";
import { descendingPath, noDotDot } from "./text-rules.ts";
import type { Volumes } from "./volumes.ts";

interface Mounting {
  readonly volumeMounts?: readonly VolumeMount[];
  readonly volumeDevices?: readonly VolumeDevice[];
  readonly securityContext?: { readonly privileged?: boolean };
}

const PROPAGATION = ["Bidirectional", "HostToContainer", "None"];
const RECURSIVE = ["Disabled", "Enabled", "IfPossible"];

export function validateMounts(errors: Errors, path: string, container: Mounting, volumes: Volumes): void {
  const paths = new Set<string>();
  const devices = container.volumeDevices ?? [];
  // errors of some fields do not say which mount it is, as in Kubernetes
  const list = `${path}.volumeMounts`;
  container.volumeMounts?.forEach((mount, index) => {
    const at = `${list}[${index}]`;
    const { name, mountPath, subPath = "", subPathExpr = "" } = mount;
    if (isEmpty(name)) required(errors, `${at}.name`);
    if (!volumes.has(name)) notFound(errors, `${at}.name`, name ?? "");
    if (isEmpty(mountPath)) required(errors, `${at}.mountPath`);
    if (paths.has(mountPath)) invalid(errors, `${at}.mountPath`, mountPath, "must be unique");
    paths.add(mountPath);
    if (devices.some((device) => device.name === name)) invalid(errors, `${at}.name`, name, "must not already exist in volumeDevices");
    if (devices.some((device) => device.devicePath === mountPath)) invalid(errors, `${at}.mountPath`, mountPath, "must not already exist as a path in volumeDevices");
    if (subPath !== "") check(errors, `${list}.subPath`, subPath, descendingPath);
    if (subPathExpr !== "") {
      if (subPath !== "") invalid(errors, `${at}.subPathExpr`, subPathExpr, "subPathExpr and subPath are mutually exclusive");
      check(errors, `${list}.subPathExpr`, subPathExpr, descendingPath);
    }
    propagation(errors, `${list}.mountPropagation`, mount.mountPropagation, container);
    recursiveReadOnly(errors, `${list}.recursiveReadOnly`, mount);
  });
}

function propagation(errors: Errors, path: string, value: string | undefined, { securityContext }: Mounting): void {
  if (value === undefined) return;
  if (!PROPAGATION.includes(value)) notSupported(errors, path, value, PROPAGATION);
  if (value === "Bidirectional" && securityContext?.privileged !== true) forbidden(errors, path, "Bidirectional mount propagation is available only to privileged containers");
}

function recursiveReadOnly(errors: Errors, path: string, { recursiveReadOnly: value, readOnly, mountPropagation }: VolumeMount): void {
  if (value === undefined || value === "Disabled") return;
  if (!RECURSIVE.includes(value)) return notSupported(errors, path, value, RECURSIVE);
  if (readOnly !== true) forbidden(errors, path, "may only be specified when readOnly is true");
  if (mountPropagation !== undefined && mountPropagation !== "None") forbidden(errors, path, "may only be specified when mountPropagation is None or not specified");
}

export function validateDevices(errors: Errors, path: string, container: Mounting, volumes: Volumes): void {
  const names = new Set<string>();
  const paths = new Set<string>();
  const mounts = container.volumeMounts ?? [];
  container.volumeDevices?.forEach(({ name, devicePath }, index) => {
    const at = `${path}.volumeDevices[${index}]`;
    const volume = volumes.get(name);
    if (isEmpty(name)) required(errors, `${at}.name`);
    if (names.has(name)) invalid(errors, `${at}.name`, name, "must be unique");
    // a device that is mounted in two ways is refused, also when its claim is made with the pod
    if (volume === undefined) notFound(errors, `${at}.name`, name ?? "");
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
      invalid(errors, `${at}.name`, name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
    }
    if (isEmpty(devicePath)) required(errors, `${at}.devicePath`);
    if (paths.has(devicePath)) invalid(errors, `${at}.devicePath`, devicePath, "must be unique");
    if (!isEmpty(devicePath) && noDotDot(devicePath).length > 0) invalid(errors, `${at}.devicePath`, devicePath, "can not contain backsteps ('..')");
    else paths.add(devicePath ?? "");
    if (mounts.some((mount) => mount.name === name)) invalid(errors, `${at}.name`, name, "must not already exist in volumeMounts");
    if (mounts.some((mount) => mount.mountPath === devicePath)) invalid(errors, `${at}.devicePath`, devicePath, "must not already exist as a path in volumeMounts");
    if (!isEmpty(name)) names.add(name);
  });
}
