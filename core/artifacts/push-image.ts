/**
 * `lichen push IMAGE.tar NAME:TAG`: a container image from an archive into the server's registry, so that a site without
 * internet needs no registry of its own. The archive is an OCI image layout (`docker save`, `podman save --format
 * oci-archive`, `skopeo copy … oci-archive:`).
 */
import { createHash } from "node:crypto";
import { type Descriptor, IMAGE_INDEX, type Manifest, MANIFEST_TYPES, parseManifest } from "./manifest.ts";
import { pushBlob, type Pushed, putManifest, type Send, target } from "./push.ts";
import { OWN_REGISTRY } from "../api/image-reference.ts";
import { readTar } from "./tar.ts";

/** @throws Error whose message is for the user */
export async function pushImage({ archive, name, send }: { readonly archive: Buffer; readonly name: string; readonly send: Send }): Promise<Pushed> {
  const files = readTar(archive);
  const layout = files.get("index.json");
  if (layout === undefined) throw new Error("the archive is no OCI image layout: make it with `docker save` of Docker 25 or later, `podman save --format oci-archive` or `skopeo copy`");
  const { repository, tag } = target(name);
  const images = parseManifest(layout).manifests ?? [];
  const [first] = images;
  if (first === undefined || images.length > 1) throw new Error(`the archive holds ${images.length} images; one is expected`);

  const blob = ({ digest }: Descriptor): Buffer => {
    const data = files.get(`blobs/${digest.replace(":", "/")}`);
    if (data === undefined) throw new Error(`the archive lacks ${digest}`);
    if (`sha256:${createHash("sha256").update(data).digest("hex")}` !== digest) throw new Error(`the archive is damaged: ${digest} has another content`);
    return data;
  };

  /** Parts before what refers to them, as the registry demands. */
  const pushTree = async (descriptor: Descriptor, version: string): Promise<void> => {
    const bytes = blob(descriptor);
    const manifest: Manifest = parseManifest(bytes);
    for (const part of manifest.manifests ?? []) await pushTree(part, part.digest);
    for (const part of [manifest.config, ...(manifest.layers ?? [])]) {
      if (part !== undefined) await pushBlob(send, repository, blob(part), part.mediaType);
    }
    await putManifest(send, repository, version, MANIFEST_TYPES.includes(descriptor.mediaType) ? descriptor.mediaType : IMAGE_INDEX, bytes);
  };

  await pushTree(first, tag);
  return { image: `${OWN_REGISTRY}/${repository}:${tag}`, digest: first.digest };
}
