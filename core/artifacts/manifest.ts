/**
 * The two documents of a registry, and the choice of the wasm form in them. One tag may carry a container image for two
 * processors and a component; what a device runs is decided by who asks.
 * OCI image specification 1.1; CNCF "Wasm OCI artifact layout".
 */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly platform?: { readonly architecture: string; readonly os: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  /** of an index */
  readonly manifests?: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

export const IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const IMAGE_INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
export const MANIFEST_TYPES: readonly string[] = [IMAGE_MANIFEST, IMAGE_INDEX, DOCKER_MANIFEST, DOCKER_LIST];

export const WASM_CONFIG = "application/vnd.wasm.config.v0+json";
export const WASM_LAYER = "application/wasm";
/** what older tools called the layer */
const WASM_LAYERS: readonly string[] = [WASM_LAYER, "application/vnd.wasm.content.layer.v1+wasm", "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"];
/** "compat" images carry the file in an ordinary layer, as builders for containers make them. */
const VARIANT = "module.wasm.image/variant";
const ARCHIVE_LAYERS: readonly string[] = ["application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar.gzip"];
export const WASM_PLATFORM = { architecture: "wasm", os: "wasip2" } as const;

/** Larger documents are nobody's; the specification asks registries for 4 MiB. */
export const MAX_MANIFEST_BYTES = 4 << 20;

/** @throws Error that says what is wrong */
export function parseManifest(bytes: Uint8Array): Manifest {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("a manifest is a JSON object");
  const of = value as Record<string, unknown>;
  if (of["schemaVersion"] !== 2) throw new Error("schemaVersion must be 2");
  const lists = [...list(of["layers"], "layers"), ...list(of["manifests"], "manifests")];
  for (const one of [...lists, ...[of["config"], of["subject"]].filter((some) => some !== undefined)]) checkDescriptor(one);
  if (of["manifests"] === undefined && of["config"] === undefined) throw new Error("a manifest has a config, or manifests if it is an index");
  return value as Manifest;
}

function list(value: unknown, name: string): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Error(`${name} must be a list`);
  return value;
}

function checkDescriptor(value: unknown): void {
  const { mediaType, digest, size } = (value ?? {}) as Record<string, unknown>;
  if (typeof mediaType !== "string" || typeof digest !== "string" || !/^sha256:[0-9a-f]{64}$/.test(digest) || !Number.isSafeInteger(size) || (size as number) < 0) {
    throw new Error("a descriptor has mediaType, digest (sha256) and size");
  }
}

export type Choice =
  | { readonly type: "component"; readonly layer: Descriptor }
  /** one layer with a file system; a component is in it when `config` (or who led here) says wasm */
  | { readonly type: "archive"; readonly layer: Descriptor; readonly config: Descriptor; readonly certain: boolean }
  | { readonly type: "manifest"; readonly manifest: Descriptor }
  | { readonly type: "none"; readonly why: string };

/** The way from a manifest to the component in it. */
export function chooseComponent(manifest: Manifest): Choice {
  if (manifest.manifests !== undefined) {
    const found = manifest.manifests.find(isWasm);
    if (found !== undefined) return { type: "manifest", manifest: found };
    const platforms = manifest.manifests.map(({ platform }) => (platform ? `${platform.os}/${platform.architecture}` : "unnamed"));
    return { type: "none", why: `the image is for ${platforms.join(", ")} and has no wasm form: add one with \`lichen push --add\`` };
  }
  const layer = manifest.layers?.find(({ mediaType }) => WASM_LAYERS.includes(mediaType));
  if (layer !== undefined) return { type: "component", layer };
  const [only, ...more] = manifest.layers ?? [];
  if (only !== undefined && more.length === 0 && manifest.config !== undefined && ARCHIVE_LAYERS.includes(only.mediaType)) {
    return { type: "archive", layer: only, config: manifest.config, certain: manifest.annotations?.[VARIANT]?.startsWith("compat") === true };
  }
  return { type: "none", why: "the image is a container image without a WebAssembly layer: push a component, or use the RuntimeClass containerd" };
}

export function isWasm(entry: Descriptor): boolean {
  const { architecture = "", os = "" } = entry.platform ?? {};
  return architecture === "wasm" || architecture === "wasm32" || os.startsWith("wasi") || entry.artifactType === WASM_CONFIG;
}
