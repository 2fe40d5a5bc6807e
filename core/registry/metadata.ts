/**
 * The fields of metadata that the server owns: what a client sends there is replaced, not refused. Pure; time and ids
 * are arguments.
 */
import type { Kind } from "../api/kinds.ts";
import type { AnyObject, ObjectMeta } from "../api/meta.ts";
import { badRequest } from "../api/status.ts";
import { isCounted } from "./generation.ts";
import { omit } from "./omit.ts";

/** Longest prefix of a generated name: the suffix of five characters fits into a label. */
const GENERATED_PREFIX = 58;
const SUFFIX = 5;

export function generatedName(prefix: string, suffix: (length: number) => string): string {
  return prefix.slice(0, GENERATED_PREFIX) + suffix(SUFFIX);
}

/** The namespace of the request wins; another one in the object is a mistake. @throws ApiError "BadRequest" */
export function inNamespace(kind: Kind, object: AnyObject, asked: string | undefined): AnyObject {
  const { namespace } = object.metadata;
  if (!kind.namespaced || asked === undefined || asked === "") {
    if (kind.namespaced || namespace === undefined) return object;
    return { ...object, metadata: omit(object.metadata, "namespace") };
  }
  if (namespace === asked) return object;
  if (namespace !== undefined && namespace !== "") {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  return { ...object, metadata: { ...object.metadata, namespace: asked } };
}

export interface Birth {
  readonly name: string | undefined;
  readonly uid: string;
  readonly creationTimestamp: string;
}

/** Metadata of an object that is about to exist. */
export function bornMetadata(kind: Kind, given: ObjectMeta, { name, uid, creationTimestamp }: Birth): ObjectMeta {
  const kept = omit(withoutSelfLink(given), "deletionTimestamp", "deletionGracePeriodSeconds");
  return {
    ...kept,
    ...(name === undefined ? {} : { name }),
    ...(isCounted(kind) ? { generation: 1 } : {}),
    uid,
    creationTimestamp,
  };
}

/** Metadata of an update: what it may not change is taken over from the stored object, what it changes is left to validation. */
export function updatedMetadata(given: ObjectMeta, old: ObjectMeta): ObjectMeta {
  const kept = omit(withoutSelfLink(given), "generation", "creationTimestamp");
  const deleting = old.deletionTimestamp !== undefined;
  const grace = kept.deletionGracePeriodSeconds ?? old.deletionGracePeriodSeconds;
  return {
    ...kept,
    ...(kept.namespace === undefined && old.namespace !== undefined ? { namespace: old.namespace } : {}),
    ...(kept.uid === undefined || kept.uid === "" ? { uid: old.uid } : {}),
    ...(old.generation === undefined ? {} : { generation: old.generation }),
    ...(old.creationTimestamp === undefined ? {} : { creationTimestamp: old.creationTimestamp }),
    ...(deleting ? { deletionTimestamp: old.deletionTimestamp } : {}),
    ...(grace === undefined ? {} : { deletionGracePeriodSeconds: grace }),
  } as ObjectMeta;
}

/** metadata.selfLink was removed from the API; old clients still send it. */
function withoutSelfLink(metadata: ObjectMeta): ObjectMeta {
  return "selfLink" in metadata ? omit(metadata as ObjectMeta & { selfLink?: unknown }, "selfLink") : metadata;
}
