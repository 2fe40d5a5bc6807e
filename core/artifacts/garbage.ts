/**
 * What no tag reaches is garbage, unless it is young: a push in progress has blobs before it has a manifest, and a client
 * may hold a digest for a while. Safe to run beside pushes; links go before blobs, so a crash leaves nothing dangling.
 */
import { MAX_MANIFEST_BYTES, parseManifest } from "./manifest.ts";
import type { Parts } from "./registry.ts";

export interface Collected {
  readonly manifests: number;
  readonly blobs: number;
  readonly uploads: number;
}

/** An index in an index in an index is nobody's. */
const MAX_DEPTH = 8;

/** @param before milliseconds: what was written later stays */
export async function collectGarbage(parts: Parts, before: number): Promise<Collected> {
  const { blobs, repositories } = parts;
  let manifests = 0;
  for (const name of await repositories.names()) {
    const kept = await reachable(parts, name, before);
    for (const { digest } of await repositories.manifests(name)) {
      if (kept.has(digest)) continue;
      await repositories.removeManifest(name, digest);
      manifests++;
    }
    for (const { digest, modifiedAt } of await repositories.links(name)) {
      if (!kept.has(digest) && modifiedAt < before) await repositories.unlink(name, digest);
    }
  }
  const linked = new Set<string>();
  for (const name of await repositories.names()) {
    for (const { digest } of [...(await repositories.manifests(name)), ...(await repositories.links(name))]) linked.add(digest);
  }
  let removed = 0;
  for (const { digest, modifiedAt } of await blobs.list()) {
    if (linked.has(digest) || modifiedAt >= before || (await isLinked(parts, digest))) continue;
    await blobs.remove(digest);
    removed++;
  }
  return { manifests, blobs: removed, uploads: await blobs.expireUploads(before) };
}

/** Looked up again right before the removal: a push may have linked an old blob meanwhile. */
async function isLinked({ repositories }: Parts, digest: string): Promise<boolean> {
  for (const name of await repositories.names()) {
    if ((await repositories.has(name, digest)) || (await repositories.manifest(name, digest)) !== undefined) return true;
  }
  return false;
}

/** Digests that a tag, or a young manifest, leads to: manifests, configs, layers, and what refers to them. */
async function reachable({ blobs, repositories }: Parts, name: string, before: number): Promise<ReadonlySet<string>> {
  const kept = new Set<string>();
  const visit = async (digest: string, depth: number): Promise<void> => {
    if (kept.has(digest) || depth > MAX_DEPTH) return;
    kept.add(digest);
    if ((await repositories.manifest(name, digest)) === undefined) return;
    const bytes = await blobs.read(digest, MAX_MANIFEST_BYTES).catch(() => undefined);
    if (bytes === undefined) return;
    const { config, layers = [], manifests = [] } = parseManifest(bytes);
    for (const one of [...(config ? [config] : []), ...layers]) kept.add(one.digest);
    for (const one of manifests) await visit(one.digest, depth + 1);
    for (const one of await repositories.referrers(name, digest)) await visit(one.digest, depth + 1);
  };
  for (const tag of await repositories.tags(name)) {
    const digest = await repositories.tag(name, tag);
    if (digest !== undefined) await visit(digest, 0);
  }
  for (const { digest, modifiedAt } of await repositories.manifests(name)) if (modifiedAt >= before) await visit(digest, 0);
  return kept;
}
