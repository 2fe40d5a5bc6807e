/** PersistentVolumes: storage that outlives pods. */
import { timestamp } from "../clock.ts";
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { ObjectReference, PersistentVolume, PersistentVolumeSpec } from "../types.gen.ts";
import { accessModesText } from "./access-modes.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { drop, fill, mapField } from "./fill.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { sourceWarnings } from "./volume-warnings.ts";
import { type Errors, forbidden, invalid } from "./validate/errors.ts";
import { internalForm } from "./validate/internal-form.ts";
import { volumeSources } from "./validate/persistent-volume-sources.ts";
import { validateVolumeSpec } from "./validate/persistent-volume-spec.ts";
import { same } from "./validate/same.ts";
import { diffOf } from "./validate/text-diff.ts";

const column = columnsOf<PersistentVolume>();
const CLASS = "volume.beta.kubernetes.io/storage-class";
const MOUNT_OPTIONS = "volume.beta.kubernetes.io/mount-options";

/** What the sources of volumes are when they do not say it. */
const sourceDefaults: { readonly [source in keyof PersistentVolumeSpec]?: { readonly [field: string]: unknown } } = {
  hostPath: { type: "" },
  iscsi: { iscsiInterface: "default" },
  rbd: { pool: "rbd", user: "admin", keyring: "/etc/ceph/keyring" },
  azureDisk: { cachingMode: "ReadWrite", fsType: "ext4", readOnly: false, kind: "Shared" },
  scaleIO: { storageMode: "ThinProvisioned", fsType: "xfs" },
};

export const persistentVolumeHooks: KindHooks = {
  generation: "none",
  setDefaults: (object) => mapField(fill(mapField(object as unknown as PersistentVolume, "status", (status) => fill(status, { phase: "Pending" })), { status: { phase: "Pending" } }), "spec", defaultSpec) as unknown as AnyObject,
  prepareForCreate: (object, { now }) => ({ ...object, status: { phase: "Pending", lastPhaseTransitionTime: timestamp(now) } }),
  mergeSubresource: {
    status: (update, old, { now }) => {
      const metadata = drop(update.metadata, "ownerReferences");
      const { ownerReferences } = old.metadata;
      const before = (old.status ?? {}) as NonNullable<PersistentVolume["status"]>;
      const status = (update.status ?? {}) as NonNullable<PersistentVolume["status"]>;
      const moved = status.phase !== before.phase && (status.lastPhaseTransitionTime === undefined || status.lastPhaseTransitionTime === before.lastPhaseTransitionTime);
      return {
        ...old,
        metadata: { ...metadata, ...(ownerReferences === undefined ? {} : { ownerReferences }) },
        status: moved ? { ...status, lastPhaseTransitionTime: timestamp(now) } : status,
      };
    },
  },
  validate: checking<PersistentVolume>(validate),
  validateUpdate: checkingUpdate<PersistentVolume>(validateUpdate),
  warnings: (object) => warnings(object as unknown as PersistentVolume),
  columns: [
    nameColumn,
    column("Capacity", ({ spec }) => spec?.capacity?.["storage"] ?? "0"),
    column("Access Modes", ({ spec }) => accessModesText(spec?.accessModes)),
    column("Reclaim Policy", ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? ""),
    column("Status", ({ metadata, status }) => (metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating")),
    column("Claim", ({ spec }) => claimText(spec?.claimRef)),
    column("StorageClass", ({ metadata, spec }) => metadata.annotations?.[CLASS] ?? spec?.storageClassName ?? ""),
    column("VolumeAttributesClass", ({ spec }) => spec?.volumeAttributesClassName ?? "<unset>"),
    column("Reason", ({ status }) => status?.reason ?? ""),
    ageColumn,
    column("VolumeMode", ({ spec }) => spec?.volumeMode ?? "<unset>", { wide: true }),
  ],
};

function defaultSpec(spec: PersistentVolumeSpec): PersistentVolumeSpec {
  let filled = fill(spec, { persistentVolumeReclaimPolicy: "Retain", volumeMode: "Filesystem" });
  for (const [source, defaults] of Object.entries(sourceDefaults)) {
    filled = mapField(filled, source as "hostPath", (one) => fill(one, defaults));
  }
  return filled;
}

const claimText = (claim: ObjectReference | undefined) => (claim === undefined ? "" : `${claim.namespace ?? ""}/${claim.name ?? ""}`);

function validate(errors: Errors, { spec = {} }: PersistentVolume): void {
  validateVolumeSpec(errors, "spec", spec, false);
}

function validateUpdate(errors: Errors, volume: PersistentVolume, old: PersistentVolume): void {
  // Kubernetes checks it as a new one and as an update: what is wrong comes twice
  validate(errors, volume);
  validate(errors, volume);
  const [now, before] = [volume.spec ?? {}, old.spec ?? {}];
  if (!same(sourceOf(now), sourceOf(before))) {
    forbidden(errors, "spec.persistentvolumesource", `spec.persistentvolumesource is immutable after creation\n${diffOf(internal(before), internal(now))}`);
  }
  immutable(errors, "volumeMode", now.volumeMode, before.volumeMode);
  // without "spec", as in Kubernetes
  if (before.nodeAffinity !== undefined && !same(now.nodeAffinity, before.nodeAffinity)) {
    invalid(errors, "nodeAffinity", shownAffinity(now.nodeAffinity), "field is immutable, except for updating from beta label to GA");
  }
}

const shownAffinity = (affinity: PersistentVolumeSpec["nodeAffinity"]) => (affinity === undefined ? null : { Required: affinity.required === undefined ? null : internalForm("NodeSelector", affinity.required) });

const sourceOf = (spec: PersistentVolumeSpec) => Object.fromEntries(volumeSources.filter((field) => spec[field] !== undefined).map((field) => [field, spec[field]]));

const internal = (spec: PersistentVolumeSpec) => internalForm("PersistentVolumeSource", spec);

function warnings({ metadata, spec = {} }: PersistentVolume): readonly string[] {
  const texts: string[] = [];
  if (metadata.annotations?.[CLASS] !== undefined) texts.push(`metadata.annotations[${CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead`);
  if (metadata.annotations?.[MOUNT_OPTIONS] !== undefined) texts.push(`metadata.annotations[${MOUNT_OPTIONS}]: deprecated since v1.31; use "mountOptions" attribute instead`);
  if ((spec as PersistentVolumeSpec).persistentVolumeReclaimPolicy === "Recycle") {
    texts.push("spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.");
  }
  return [...texts, ...sourceWarnings(spec as PersistentVolumeSpec)];
}
