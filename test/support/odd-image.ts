/** Images as no builder makes them, from one that is sound: their digests fit, so registries take them. */
import { createHash } from "node:crypto";
import { readTar } from "../../core/artifacts/tar.ts";
import { tar } from "../../edge-agent/runtimes/containerd/oci-archive.ts";

export interface OddImage {
  /** instead of the layer */
  readonly layer?: Buffer;
  /** of the manifest */
  readonly annotations?: { readonly [name: string]: string };
}

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

/** @returns an OCI image archive with the one image of `archive`, changed */
export function oddImage(archive: Buffer, { layer, annotations }: OddImage): Buffer {
  const files = readTar(archive);
  const json = <T>(path: string) => JSON.parse(Buffer.from(files.get(path) ?? []).toString("utf8")) as T;
  const blobs = new Map([...files].filter(([path]) => path.startsWith("blobs/")));
  const put = <D extends Descriptor>(descriptor: D, data: Buffer): D => {
    const digest = createHash("sha256").update(data).digest("hex");
    blobs.set(`blobs/sha256/${digest}`, data);
    return { ...descriptor, digest: `sha256:${digest}`, size: data.length };
  };
  const blobOf = ({ digest }: Descriptor) => `blobs/${digest.replace(":", "/")}`;

  const layout = json<{ manifests: Descriptor[] }>("index.json");
  const [top] = layout.manifests;
  if (top === undefined) throw new Error("the archive holds no image");
  const index = json<{ manifests: Descriptor[] }>(blobOf(top));
  const manifests = index.manifests.map((descriptor) => {
    const manifest = json<{ layers: Descriptor[] }>(blobOf(descriptor));
    const layers = layer === undefined ? manifest.layers : manifest.layers.map((each) => put(each, layer));
    return put(descriptor, Buffer.from(JSON.stringify({ ...manifest, layers, annotations })));
  });
  const changed = put(top, Buffer.from(JSON.stringify({ ...index, manifests })));
  return tar([
    { path: "oci-layout", data: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
    { path: "index.json", data: Buffer.from(JSON.stringify({ ...layout, manifests: [changed] })) },
    ...[...blobs].map(([path, data]) => ({ path, data })),
  ]);
}
