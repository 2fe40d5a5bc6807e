/** Manifests in and out of a repository: what is accepted is complete, so what is pulled by a tag always works. */
import { IMAGE_INDEX, IMAGE_MANIFEST, MANIFEST_TYPES, MAX_MANIFEST_BYTES, parseManifest } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { isDigest } from "../api/image-reference.ts";
import { RegistryError } from "./registry-error.ts";
import type { Parts } from "./registry.ts";

export async function getManifest({ blobs, repositories }: Parts, name: string, version: string) {
  const digest = isDigest(version) ? version : await repositories.tag(name, version);
  if (digest === undefined || !isDigest(digest)) return undefined;
  const mediaType = await repositories.manifest(name, digest);
  if (mediaType === undefined) return undefined;
  return { digest, mediaType, bytes: await blobs.read(digest, MAX_MANIFEST_BYTES) };
}

/** @throws RegistryError */
export async function putManifest(parts: Parts, name: string, version: string, contentType: string | null, body: AsyncIterable<Uint8Array>): Promise<{ digest: string; subject: string | undefined }> {
  const bytes = await readAll(body);
  const manifest = parse(bytes);
  const mediaType = contentType?.split(";")[0]?.trim() || manifest.mediaType || (manifest.manifests === undefined ? IMAGE_MANIFEST : IMAGE_INDEX);
  if (!MANIFEST_TYPES.includes(mediaType)) throw new RegistryError("MANIFEST_INVALID", `the media type ${mediaType} is not accepted: ${MANIFEST_TYPES.join(", ")}`);
  if (manifest.mediaType !== undefined && manifest.mediaType !== mediaType) {
    throw new RegistryError("MANIFEST_INVALID", `the manifest says ${manifest.mediaType}, the Content-Type ${mediaType}`);
  }
  await checkContents(parts, name, manifest);
  const digest = await parts.blobs.put(bytes);
  if (isDigest(version) && version !== digest) throw new RegistryError("DIGEST_INVALID", `the manifest has digest ${digest}, not ${version}`);
  await parts.repositories.addManifest(name, digest, mediaType);
  const { subject } = manifest;
  if (subject !== undefined) {
    const artifactType = manifest.artifactType ?? manifest.config?.mediaType;
    await parts.repositories.addReferrer(name, subject.digest, {
      mediaType,
      digest,
      size: bytes.length,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(manifest.annotations === undefined ? {} : { annotations: manifest.annotations }),
    });
  }
  if (!isDigest(version)) await parts.repositories.setTag(name, version, digest);
  return { digest, subject: subject?.digest };
}

async function checkContents({ repositories }: Parts, name: string, manifest: Manifest): Promise<void> {
  for (const { digest } of [...(manifest.config ? [manifest.config] : []), ...(manifest.layers ?? [])]) {
    if (!(await repositories.has(name, digest))) throw new RegistryError("MANIFEST_BLOB_UNKNOWN", `the manifest names the blob ${digest}, which is not in ${name}: push it first`);
  }
  for (const { digest } of manifest.manifests ?? []) {
    if ((await repositories.manifest(name, digest)) === undefined) {
      throw new RegistryError("MANIFEST_BLOB_UNKNOWN", `the index names the manifest ${digest}, which is not in ${name}: push it first`);
    }
  }
}

function parse(bytes: Uint8Array): Manifest {
  try {
    return parseManifest(bytes);
  } catch (error) {
    throw new RegistryError("MANIFEST_INVALID", `the manifest is not valid: ${(error as Error).message}`);
  }
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_MANIFEST_BYTES) throw new RegistryError("SIZE_INVALID", `a manifest may have ${MAX_MANIFEST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
