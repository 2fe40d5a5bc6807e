/**
 * Makes an OCI image archive (a tar with an image layout) in memory. The pause image and test images come from here, so
 * a device needs no registry and no image tool to start its first pod.
 * Formats: POSIX ustar; OCI image-spec "image-layout", "manifest", "config".
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

export interface ArchiveFile {
  /** without leading slash; at most 100 bytes (plain ustar) */
  readonly path: string;
  readonly data?: Uint8Array;
  readonly mode?: number;
  readonly kind?: "file" | "directory" | "symlink";
  readonly target?: string;
}

export interface ImagePlatform {
  readonly architecture: "amd64" | "arm64";
  readonly files: readonly ArchiveFile[];
}

export interface ImageRecipe {
  /** "registry.lichen.internal/pause:1" */
  readonly reference: string;
  readonly config: { readonly Entrypoint?: readonly string[]; readonly Cmd?: readonly string[]; readonly Env?: readonly string[]; readonly User?: string };
  readonly platforms: readonly ImagePlatform[];
}

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
const BLOCK = 512;
const TYPE_FLAG = { file: "0", symlink: "2", directory: "5" } as const;

export function ociArchive(recipe: ImageRecipe): Buffer {
  const blobs = new Map<string, Buffer>();
  const put = (mediaType: string, data: Buffer) => {
    const digest = sha256(data);
    blobs.set(digest, data);
    return { mediaType, digest, size: data.length };
  };
  const json = (mediaType: string, value: unknown) => put(mediaType, Buffer.from(JSON.stringify(value)));

  const manifests = recipe.platforms.map(({ architecture, files }) => {
    const layer = tar(files);
    const platform = { architecture, os: "linux", ...(architecture === "arm64" ? { variant: "v8" } : {}) };
    const config = json(CONFIG, { ...platform, config: recipe.config, rootfs: { type: "layers", diff_ids: [sha256(layer)] } });
    const manifest = json(MANIFEST, { schemaVersion: 2, mediaType: MANIFEST, config, layers: [put(LAYER, gzipSync(layer))] });
    return { ...manifest, platform };
  });
  const index = json(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests });
  const annotations = { "io.containerd.image.name": recipe.reference, "org.opencontainers.image.ref.name": recipe.reference.split(":").at(-1) };
  return tar([
    { path: "oci-layout", data: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
    { path: "index.json", data: Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [{ ...index, annotations }] })) },
    ...[...blobs].map(([digest, data]) => ({ path: `blobs/sha256/${digest.slice("sha256:".length)}`, data })),
  ]);
}

/** A tar with times and owners zero, so that equal files give equal digests. */
export function tar(files: readonly ArchiveFile[]): Buffer {
  return Buffer.concat([...files.flatMap(entry), Buffer.alloc(2 * BLOCK)]);
}

function entry({ path, data = Buffer.alloc(0), kind = "file", mode = kind === "directory" ? 0o755 : 0o644, target = "" }: ArchiveFile): Uint8Array[] {
  if (Buffer.byteLength(path) > 100) throw new Error(`"${path}" is longer than the 100 bytes that a ustar name can hold`);
  const header = Buffer.alloc(BLOCK);
  const text = (value: string, at: number) => header.write(value, at, "utf8");
  const octal = (value: number, at: number, width: number) => text(`${value.toString(8).padStart(width - 1, "0")}\0`, at);
  text(path, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(data.length, 124, 12);
  octal(0, 136, 12);
  text("        ", 148);
  text(TYPE_FLAG[kind], 156);
  text(target, 157);
  text("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  text(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return [header, data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)];
}

function sha256(data: Uint8Array): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}
