/**
 * Binds claims to volumes. Provisioning is an external provisioner's work (CSI): the claim is annotated for it and
 * waits. Two keys spaces, one controller: "claim:namespace/name" and "volume:name".
 */
import { sameJson } from "../api/json.ts";
import { NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES } from "../api/resources.gen.ts";
import type { Node, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus, PersistentVolumeStatus } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import { timestamp } from "../api/clock.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { present } from "./json.ts";
import { BY_CLAIM, claimsOf } from "./volume-protection.ts";
import { reclaimFailure } from "./volume-reclaim.ts";
import { bestVolume, classOf, isPromised, mismatch } from "./volume-match.ts";

const BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller";
const BIND_COMPLETED = "pv.kubernetes.io/bind-completed";
const PROVISIONER = "volume.kubernetes.io/storage-provisioner";
const NO_PROVISIONER = "kubernetes.io/no-provisioner";

const claimKey = ({ metadata }: PersistentVolumeClaim) => `claim:${metadata.namespace}/${metadata.name}`;
const volumeKey = (name: string) => `volume:${name}`;

export function volumeBinder(deps: ControllerDeps): Controller {
  const { client, events } = actor(deps, "persistent-volume-binder", "persistentvolume-controller");
  const claims = deps.informers.of(PERSISTENT_VOLUME_CLAIMS);
  const volumes = deps.informers.of(PERSISTENT_VOLUMES);
  const classes = deps.informers.of(STORAGE_CLASSES);
  const nodes = deps.informers.of(NODES);
  const pods = deps.informers.of(PODS);
  pods.addIndex(BY_CLAIM, claimsOf);
  claims.addIndex("pending", ({ spec }) => [spec?.volumeName === undefined || spec.volumeName === "" ? "yes" : "no"]);

  async function writeVolume(volume: PersistentVolume, status: PersistentVolumeStatus): Promise<void> {
    if (sameJson(status, volume.status)) return;
    await client.update(PERSISTENT_VOLUMES, { name: volume.metadata.name ?? "", subresource: "status" }, { ...volume, status });
  }
  async function writeClaim(claim: PersistentVolumeClaim, status: PersistentVolumeClaimStatus): Promise<void> {
    if (sameJson(status, claim.status)) return;
    const { namespace, name = "" } = claim.metadata;
    await client.update(PERSISTENT_VOLUME_CLAIMS, { namespace, name, subresource: "status" }, { ...claim, status });
  }

  /** both sides, the volume first: a claim that names a volume can rely on it */
  async function bind(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    const { namespace, name = "", uid, resourceVersion } = claim.metadata;
    let bound = volume;
    if (volume.spec?.claimRef?.uid !== uid) {
      const byUs = volume.spec?.claimRef === undefined ? { [BOUND_BY_CONTROLLER]: "yes" } : {};
      bound = await client.update(PERSISTENT_VOLUMES, { name: volume.metadata.name ?? "" }, {
        ...volume,
        metadata: { ...volume.metadata, annotations: { ...volume.metadata.annotations, ...byUs } },
        spec: { ...volume.spec, claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", ...present({ namespace, name, uid, resourceVersion }) } },
      });
    }
    await writeVolume(bound, { ...bound.status, phase: "Bound" });
    const chosen = claim.spec?.volumeName === undefined || claim.spec.volumeName === "";
    const annotations = { ...claim.metadata.annotations, [BIND_COMPLETED]: "yes", ...(chosen ? { [BOUND_BY_CONTROLLER]: "yes" } : {}) };
    let mine = claim;
    if (chosen || claim.metadata.annotations?.[BIND_COMPLETED] !== "yes") {
      mine = await client.update(PERSISTENT_VOLUME_CLAIMS, { namespace, name }, {
        ...claim,
        metadata: { ...claim.metadata, annotations },
        spec: { ...claim.spec, volumeName: volume.metadata.name },
      });
    }
    await writeClaim(mine, { ...mine.status, ...present({ phase: "Bound" as const, accessModes: volume.spec?.accessModes, capacity: volume.spec?.capacity }) });
  }

  async function reconcileClaim(claim: PersistentVolumeClaim): Promise<void> {
    const named = claim.spec?.volumeName ?? "";
    if (named !== "") {
      const volume = volumes.get(named);
      const completed = claim.metadata.annotations?.[BIND_COMPLETED] === "yes";
      if (volume === undefined || (completed && !isPromised(volume, claim))) {
        if (!completed) return writeClaim(claim, { ...claim.status, phase: "Pending" });
        if (claim.status?.phase !== "Lost") events.record(claim, "Warning", "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
        return writeClaim(claim, { phase: "Lost" });
      }
      if (volume.spec?.claimRef !== undefined && !isPromised(volume, claim)) {
        events.record(claim, "Warning", "FailedBinding", `volume "${named}" already bound to a different claim.`);
        return writeClaim(claim, { ...claim.status, phase: "Pending" });
      }
      const wrong = completed ? undefined : mismatch(volume, claim);
      if (wrong === undefined) return bind(volume, claim);
      events.record(claim, "Warning", "VolumeMismatch", `Cannot bind to requested volume "${named}": ${wrong}`);
      return writeClaim(claim, { ...claim.status, phase: "Pending" });
    }
    const storageClass = classes.get(classOf(claim));
    const waits = storageClass?.volumeBindingMode === "WaitForFirstConsumer";
    const node = consumerNode(claim);
    const volume = waits && node === undefined ? undefined : bestVolume(claim, volumes.list(), node);
    if (volume !== undefined) return bind(volume, claim);
    await writeClaim(claim, { ...claim.status, phase: "Pending" });
    await explain(claim, waits && node === undefined);
  }

  /** the node of a pod that uses the claim: a volume that waits for its consumer has to be reachable from there */
  function consumerNode({ metadata }: PersistentVolumeClaim): Node | undefined {
    for (const { spec } of pods.by(BY_CLAIM, `${metadata.namespace}/${metadata.name}`)) {
      const node = nodes.get(spec?.nodeName ?? "");
      if (node !== undefined) return node;
    }
    return nodes.get(metadata.annotations?.["volume.kubernetes.io/selected-node"] ?? "");
  }

  async function explain(claim: PersistentVolumeClaim, waiting: boolean): Promise<void> {
    const name = classOf(claim);
    const storageClass = classes.get(name);
    if (name === "") return events.record(claim, "Normal", "FailedBinding", "no persistent volumes available for this claim and no storage class is set");
    if (storageClass === undefined) return events.record(claim, "Warning", "ProvisioningFailed", `storageclass.storage.k8s.io "${name}" not found`);
    if (waiting) return events.record(claim, "Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
    const { provisioner } = storageClass;
    if (provisioner === NO_PROVISIONER) return;
    if (claim.metadata.annotations?.[PROVISIONER] !== provisioner) {
      const { namespace, name: claimName = "" } = claim.metadata;
      const latest = claims.get(`${namespace}/${claimName}`) ?? claim;
      const annotations = { ...latest.metadata.annotations, [PROVISIONER]: provisioner, "volume.beta.kubernetes.io/storage-provisioner": provisioner };
      await client.update(PERSISTENT_VOLUME_CLAIMS, { namespace, name: claimName }, { ...latest, metadata: { ...latest.metadata, annotations } });
    }
    const text = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
    events.record(claim, "Normal", "ExternalProvisioning", text);
  }

  async function reconcileVolume(volume: PersistentVolume): Promise<void> {
    const reference = volume.spec?.claimRef;
    const at = timestamp(deps.clock.now());
    const phase = (value: "Available" | "Bound" | "Released" | "Failed"): PersistentVolumeStatus =>
      volume.status?.phase === value ? volume.status : { phase: value, lastPhaseTransitionTime: at };
    if (reference === undefined || reference.uid === undefined || reference.uid === "") return writeVolume(volume, phase("Available"));
    const claim = claims.get(`${reference.namespace}/${reference.name}`);
    if (claim?.metadata.uid === reference.uid) {
      // the claim's own key finishes a half-made binding
      return claim.spec?.volumeName === volume.metadata.name ? writeVolume(volume, phase("Bound")) : undefined;
    }
    const failure = reclaimFailure(volume);
    if (failure === undefined) return writeVolume(volume, phase("Released"));
    if (volume.status?.phase === "Failed") return undefined;
    await writeVolume(volume, { ...phase("Failed"), message: failure.message });
    events.record(volume, "Warning", failure.reason, failure.message);
  }

  const pending = () => claims.by("pending", "yes").map(claimKey);
  return {
    name: "persistentvolume-binder",
    // one at a time: two claims must not choose the same volume
    workers: 1,
    watches: [
      watching(claims, (claim) => [claimKey(claim), ...((claim.spec?.volumeName ?? "") === "" ? [] : [volumeKey(claim.spec?.volumeName ?? "")])]),
      watching(volumes, ({ metadata, spec }) => [
        volumeKey(metadata.name ?? ""),
        ...(spec?.claimRef === undefined ? pending() : [`claim:${spec.claimRef.namespace}/${spec.claimRef.name}`]),
      ]),
      watching(classes, pending),
      watching(pods, (pod) => claimsOf(pod).map((key) => `claim:${key}`)),
      watching(nodes, () => []),
    ],
    async reconcile(key) {
      const name = key.slice(key.indexOf(":") + 1);
      const claim = key.startsWith("claim:") ? claims.get(name) : undefined;
      const volume = key.startsWith("volume:") ? volumes.get(name) : undefined;
      if (claim !== undefined && claim.metadata.deletionTimestamp === undefined) await reconcileClaim(claim);
      if (volume !== undefined) await reconcileVolume(volume);
      return undefined;
    },
  };
}
