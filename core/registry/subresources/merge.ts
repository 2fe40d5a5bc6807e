/**
 * What an update of a subresource takes over into the stored object. The kind may say it; otherwise each subresource of
 * Kubernetes touches the fields below and nothing else.
 */
import { sameJson } from "../../api/json.ts";
import type { Kind, Writer } from "../../api/kinds.ts";
import { isCustom } from "../../api/kinds.ts";
import type { AnyObject } from "../../api/meta.ts";
import type { Container, PodSpec } from "../../api/types.gen.ts";
import { omit } from "../omit.ts";

export type Merge = (update: AnyObject, old: AnyObject, by: Writer) => AnyObject;

/** Built-in kinds whose labels and annotations stay as they are when their status is written. */
const STATUS_ALONE = new Set([
  "admissionregistration.k8s.io/validatingadmissionpolicies",
  "apiregistration.k8s.io/apiservices",
  "flowcontrol.apiserver.k8s.io/flowschemas",
  "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations",
  "networking.k8s.io/servicecidrs",
  "resource.k8s.io/resourceclaims",
  "storage.k8s.io/volumeattachments",
]);

export function mergeOf(kind: Kind, subresource: string): Merge {
  const own = kind.hooks.mergeSubresource;
  const given = own !== undefined && Object.hasOwn(own, subresource) ? own[subresource] : undefined;
  if (given !== undefined) return given;
  if (subresource === "status") return isCustom(kind) || STATUS_ALONE.has(`${kind.group}/${kind.plural}`) ? mergeStatusAlone : mergeStatus;
  return Object.hasOwn(known, subresource) ? (known[subresource] ?? mergeField(subresource)) : mergeField(subresource);
}

const known: { readonly [subresource: string]: Merge } = {
  approval: (update, old) => withStatus(old, { conditions: (update.status as { conditions?: unknown } | undefined)?.conditions }),
  ephemeralcontainers: (update, old) => withSpec(old, { ephemeralContainers: specOf(update).ephemeralContainers }),
  finalize: (update, old) => withSpec(old, { finalizers: specOf(update).finalizers }),
  resize(update, old) {
    const { containers, initContainers } = specOf(old);
    const { resources } = specOf(update);
    // other containers than there are: validation sees them, and refuses
    if (!sameNames(specOf(update).containers, containers) || !sameNames(specOf(update).initContainers, initContainers)) return { ...old, spec: update.spec };
    const resized = { containers: containers?.map(resizedBy(specOf(update).containers)), ...(resources === undefined ? {} : { resources }) };
    return withSpec(old, initContainers === undefined ? resized : { ...resized, initContainers: initContainers.map(resizedBy(specOf(update).initContainers)) });
  },
};

type Spec = Partial<PodSpec> & { readonly finalizers?: readonly string[] };

const specOf = (object: AnyObject) => (object.spec ?? {}) as Spec;

const withSpec = (old: AnyObject, spec: { readonly [field: string]: unknown }): AnyObject => ({ ...old, spec: { ...specOf(old), ...spec } });

const withStatus = (old: AnyObject, status: { readonly [field: string]: unknown }): AnyObject => ({
  ...old,
  status: { ...(old.status as object | undefined), ...status },
});

/** Not validated yet: the lists may be null, and their items too. */
const namesOf = (containers: readonly (Container | null)[] | null | undefined) => (containers ?? []).map((container) => container?.name);

const sameNames = (a: readonly Container[] | undefined, b: readonly Container[] | undefined): boolean => sameJson(namesOf(a), namesOf(b));

const resizedBy = (wanted: readonly Container[] | undefined) => (container: Container) => {
  const found = wanted?.find(({ name }) => name === container.name);
  if (found === undefined) return container;
  const { resources, resizePolicy } = found;
  return { ...container, ...(resources === undefined ? {} : { resources }), ...(resizePolicy === undefined ? {} : { resizePolicy }) };
};

const mergeField =
  (field: string): Merge =>
  (update, old) => ({ ...old, [field]: update[field] });

/** Labels and annotations of most built-in objects may change with their status, owners may not. */
const mergeStatus: Merge = (update, old) => {
  const { ownerReferences } = old.metadata;
  const metadata = { ...omit(update.metadata, "ownerReferences"), ...(ownerReferences === undefined ? {} : { ownerReferences }) };
  return replaceStatus({ ...old, metadata }, update);
};

const mergeStatusAlone: Merge = (update, old) => {
  const { managedFields } = update.metadata;
  return replaceStatus({ ...old, metadata: { ...old.metadata, ...(managedFields === undefined ? {} : { managedFields }) } }, update);
};

function replaceStatus(object: AnyObject, update: AnyObject): AnyObject {
  return update.status === undefined ? (omit(object, "status") as AnyObject) : { ...object, status: update.status };
}
