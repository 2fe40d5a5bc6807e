/**
 * The history of a template (ControllerRevision): StatefulSets and DaemonSets name their pods' version after one, and
 * `kubectl rollout history` and `undo` read them. Equal templates share one revision, which then becomes the newest.
 */
import type { Client } from "../api/client.ts";
import { sameJson } from "../api/json.ts";
import { CONTROLLER_REVISIONS } from "../api/resources.gen.ts";
import { isReason, unlessGone } from "../api/status.ts";
import type { KubeObject } from "../api/meta.ts";
import type { ControllerRevision, PodTemplateSpec } from "../api/types.gen.ts";
import { hashOf } from "./hash.ts";
import { present } from "./json.ts";
import { controllerReference } from "./owner.ts";

export const REVISION_HASH = "controller-revision-hash";

export interface Versioned {
  readonly owner: KubeObject;
  readonly template: PodTemplateSpec | undefined;
  readonly collisionCount: number | undefined;
  readonly annotations?: { readonly [key: string]: string };
}

/** What a revision remembers: a patch that puts the template back. */
export const revisionData = (template: PodTemplateSpec | undefined) => ({ spec: { template: { ...template, $patch: "replace" } } });

export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const { template = {} } = (revision.data?.["spec"] ?? {}) as { template?: PodTemplateSpec & { $patch?: string } };
  return present({ metadata: template.metadata, spec: template.spec });
}

export const byRevision = (a: ControllerRevision, b: ControllerRevision): number =>
  a.revision - b.revision || ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1);

/** The name is taken by something else: the owner's collisionCount has to grow. */
export class RevisionCollision extends Error {
  override readonly name = "RevisionCollision";
}

/** The revision of the current template, made or moved to the top where needed. @throws RevisionCollision */
export async function currentRevision(client: Client, versioned: Versioned, history: readonly ControllerRevision[]): Promise<ControllerRevision> {
  const { owner, template, collisionCount } = versioned;
  const namespace = owner.metadata.namespace;
  const data = revisionData(template);
  const newest = history.toSorted(byRevision).at(-1);
  const equal = history.toSorted(byRevision).findLast((revision) => sameJson(revision.data, data));
  const next = (newest?.revision ?? 0) + 1;
  if (equal !== undefined) {
    if (equal === newest) return equal;
    return client.update(CONTROLLER_REVISIONS, { namespace, name: equal.metadata.name ?? "" }, { ...equal, revision: next });
  }
  const hash = hashOf(data, collisionCount);
  const name = `${owner.metadata.name}-${hash}`;
  const object = {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: present({
      name,
      namespace,
      labels: { ...template?.metadata?.labels, [REVISION_HASH]: hash },
      annotations: versioned.annotations,
      ownerReferences: [controllerReference(owner)],
    }),
    data,
    revision: next,
  };
  try {
    return await client.create(CONTROLLER_REVISIONS, object, { namespace });
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
    const there = await client.get(CONTROLLER_REVISIONS, { namespace, name });
    if (sameJson(there.data, data) && there.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid)) return there;
    throw new RevisionCollision(`the name "${name}" is taken`);
  }
}

/** Deletes the oldest revisions beyond `limit` that nothing uses. */
export async function truncateHistory(
  client: Client,
  history: readonly ControllerRevision[],
  inUse: (revision: ControllerRevision) => boolean,
  limit: number,
): Promise<void> {
  const idle = history.filter((revision) => !inUse(revision)).toSorted(byRevision);
  for (const { metadata } of idle.slice(0, Math.max(0, idle.length - limit))) {
    await unlessGone(client.delete(CONTROLLER_REVISIONS, { namespace: metadata.namespace, name: metadata.name ?? "" }));
  }
}
