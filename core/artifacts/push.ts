/**
 * `lichen push FILE.wasm NAME:TAG`: a component becomes an OCI artifact in the server's registry. With `index`, it becomes
 * the wasm form beside the container images that the tag already has, so one tag runs on every device.
 */
import { createHash } from "node:crypto";
import { IMAGE_INDEX, IMAGE_MANIFEST, isWasm, MANIFEST_TYPES, parseManifest, WASM_CONFIG, WASM_LAYER, WASM_PLATFORM } from "./manifest.ts";
import type { Descriptor, Manifest } from "./manifest.ts";
import { OWN_REGISTRY, parseReference } from "../api/image-reference.ts";

/** One request to the server, with its credentials. */
export type Send = (
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  options?: { readonly headers?: Readonly<Record<string, string>>; readonly body?: Uint8Array },
) => Promise<{ readonly status: number; readonly headers: (name: string) => string | undefined; readonly body: Uint8Array }>;

export interface PushOptions {
  readonly component: Uint8Array;
  /** "NAME:TAG", with or without the registry's name before it */
  readonly name: string;
  readonly send: Send;
  /** add it to what the tag has */
  readonly index?: boolean;
  /** what it imports and exports, from wasm-runtime's readComponentHeader; goes into the artifact's config */
  readonly interfaces?: { readonly imports: readonly string[]; readonly exports: readonly string[] };
  /** RFC 3339 */
  readonly created: string;
}

export interface Pushed {
  /** as pods write it */
  readonly image: string;
  /** of the manifest or index that the tag names */
  readonly digest: string;
}

/** @throws Error whose message is for the user */
export async function pushComponent(options: PushOptions): Promise<Pushed> {
  const { component, send } = options;
  checkWebAssembly(component);
  const { repository, tag } = target(options.name);
  const layer = await pushBlob(send, repository, component, WASM_LAYER);
  const config = await pushBlob(send, repository, json(configOf(options, layer.digest)), WASM_CONFIG);
  const manifest: Manifest = { schemaVersion: 2, mediaType: IMAGE_MANIFEST, config, layers: [{ ...layer, annotations: { "org.opencontainers.image.title": `${repository.split("/").at(-1) ?? repository}.wasm` } }] };
  const bytes = json(manifest);
  const digest = digestOf(bytes);
  const image = `${OWN_REGISTRY}/${repository}:${tag}`;
  if (options.index !== true) {
    await putManifest(send, repository, tag, IMAGE_MANIFEST, bytes);
    return { image, digest };
  }
  const existing = await existingForms(send, repository, tag);
  await putManifest(send, repository, digest, IMAGE_MANIFEST, bytes);
  const entry: Descriptor = { mediaType: IMAGE_MANIFEST, digest, size: bytes.length, platform: WASM_PLATFORM };
  const index = json({ schemaVersion: 2, mediaType: IMAGE_INDEX, manifests: [...existing.filter((one) => !isWasm(one)), entry] } satisfies Manifest);
  await putManifest(send, repository, tag, IMAGE_INDEX, index);
  return { image, digest: digestOf(index) };
}

/** A component, or a core module of WASI preview 1: the server adapts it when a device asks for it. */
function checkWebAssembly(bytes: Uint8Array): void {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(8, bytes.length)).toString("hex");
  if (start !== "0061736d0d000100" && start !== "0061736d01000000") throw new Error("this is not a WebAssembly component: give the .wasm file that your build made");
}

export function target(name: string): { repository: string; tag: string } {
  const full = name.startsWith(`${OWN_REGISTRY}/`) ? name : `${OWN_REGISTRY}/${name}`;
  const parsed = parseReference(full);
  if (parsed === undefined || parsed.digest !== undefined) throw new Error(`"${name}" is not a name: write NAME:TAG, lower case, for example sensors/reader:1.0`);
  return { repository: parsed.repository, tag: parsed.tag ?? "latest" };
}

/** CNCF Wasm OCI artifact layout, "config" */
function configOf({ interfaces, created }: PushOptions, layerDigest: string): object {
  return { created, ...WASM_PLATFORM, layerDigests: [layerDigest], component: { imports: interfaces?.imports ?? [], exports: interfaces?.exports ?? [] } };
}

export async function pushBlob(send: Send, repository: string, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  const digest = digestOf(bytes);
  const descriptor = { mediaType, digest, size: bytes.length };
  const found = await send("HEAD", `/v2/${repository}/blobs/${digest}`);
  if (found.status === 200) return descriptor;
  const begun = await send("POST", `/v2/${repository}/blobs/uploads/`);
  const location = begun.headers("location");
  if (begun.status !== 202 || location === undefined) throw refusal("the upload could not begin", begun);
  const path = location.replace(/^https?:\/\/[^/]+/, "");
  const done = await send("PUT", `${path}${path.includes("?") ? "&" : "?"}digest=${digest}`, { headers: { "content-type": "application/octet-stream" }, body: bytes });
  if (done.status !== 201) throw refusal("the upload failed", done);
  return descriptor;
}

export async function putManifest(send: Send, repository: string, version: string, mediaType: string, body: Uint8Array): Promise<void> {
  const done = await send("PUT", `/v2/${repository}/manifests/${version}`, { headers: { "content-type": mediaType }, body });
  if (done.status !== 201) throw refusal(`${repository}:${version} was not accepted`, done);
}

/** What the tag has: the entries of an index, or a single image as the entry that it would be. */
async function existingForms(send: Send, repository: string, tag: string): Promise<readonly Descriptor[]> {
  const found = await send("GET", `/v2/${repository}/manifests/${tag}`, { headers: { accept: MANIFEST_TYPES.join(", ") } });
  if (found.status === 404) return [];
  if (found.status !== 200) throw refusal(`${repository}:${tag} could not be read`, found);
  const manifest = parseManifest(found.body);
  if (manifest.manifests !== undefined) return manifest.manifests;
  const mediaType = found.headers("content-type") ?? manifest.mediaType ?? IMAGE_MANIFEST;
  const entry = { mediaType, digest: digestOf(found.body), size: found.body.length };
  if (manifest.config?.mediaType === WASM_CONFIG) return [{ ...entry, platform: WASM_PLATFORM }];
  const config = await send("GET", `/v2/${repository}/blobs/${manifest.config?.digest ?? ""}`);
  const { architecture, os } = (config.status === 200 ? JSON.parse(Buffer.from(config.body).toString("utf8")) : {}) as { architecture?: string; os?: string };
  return [architecture === undefined || os === undefined ? entry : { ...entry, platform: { architecture, os } }];
}

function refusal(what: string, answer: { readonly status: number; readonly body: Uint8Array }): Error {
  let why = `the server answered ${answer.status}`;
  try {
    const body = JSON.parse(Buffer.from(answer.body).toString("utf8")) as { message?: string; errors?: readonly { message?: string }[] };
    why = body.errors?.[0]?.message ?? body.message ?? why;
  } catch {
    // not our server's words
  }
  return new Error(`${what}: ${why}`);
}

const json = (value: object) => Buffer.from(JSON.stringify(value));
const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
