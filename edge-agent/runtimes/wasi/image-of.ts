/** A module in the cache as the agent knows images: by the digest of its component. */
import type { CachedModule } from "../../../wasm-runtime/modules.ts";
import type { ImageOnDevice } from "../runtime.ts";

export function imageOf(module: CachedModule): ImageOnDevice {
  return {
    id: module.componentDigest,
    tags: module.references.filter((reference) => !reference.includes("@")),
    digests: module.references.map((reference) => `${repositoryOf(reference)}@${module.componentDigest}`),
    sizeBytes: module.size,
    pinned: false,
  };
}

/** "host:5000/name:tag" → "host:5000/name" */
function repositoryOf(reference: string): string {
  const name = reference.split("@")[0] ?? reference;
  const colon = name.lastIndexOf(":");
  return colon > name.lastIndexOf("/") ? name.slice(0, colon) : name;
}
