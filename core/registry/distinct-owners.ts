/** The same owner twice is one owner: Kubernetes drops the repetition, and says so. */
import { sameJson } from "../api/json.ts";
import type { AnyObject } from "../api/meta.ts";

export function withDistinctOwners(object: AnyObject, warn: (text: string) => void): AnyObject {
  const { ownerReferences: owners } = object.metadata;
  if (owners === undefined || owners === null || owners.length < 2) return object;
  const isRepeated = owners.map((owner, index) => owners.slice(0, index).some((other) => sameJson(other, owner)));
  if (!isRepeated.includes(true)) return object;
  const distinct = owners.filter((_, index) => isRepeated[index] === false);
  const repeated = owners.filter((_, index) => isRepeated[index] === true).map(({ uid }) => uid);
  warn(
    ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; " +
      `please fix your requests; duplicate UID(s) observed: ${repeated.join(", ")}`,
  );
  return { ...object, metadata: { ...object.metadata, ownerReferences: distinct } };
}
