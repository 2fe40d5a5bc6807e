/**
 * From an image reference to a signed module. The expensive step, transpiling, happens once per component and transpiler,
 * however many devices ask at once; the result is kept by digest, so it is the same for all of them and after a restart.
 *
 *   reference → manifest → wasm form → component → transpile (once) → module → sign
 */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { ApiError } from "../api/status.ts";
import type { Log } from "../api/log.ts";
import { BlobError, syncDirectory } from "./blobs.ts";
import { chooseComponent, parseManifest } from "./manifest.ts";
import type { Descriptor } from "./manifest.ts";
import { PullError } from "./oci-client.ts";
import type { OciClient, RegistrySecret } from "./oci-client.ts";
import { isDigest, OWN_REGISTRY, parseReference, versionOf } from "../api/image-reference.ts";
import type { ImageReference } from "../api/image-reference.ts";
import type { Registry } from "./registry.ts";
import { singleFlight } from "./single-flight.ts";
import { readTar } from "./tar.ts";

export interface ModuleDescriptor {
  readonly componentDigest: string;
  readonly moduleDigest: string;
  /** bytes of the bundle */
  readonly size: number;
  /** base64 */
  readonly signature: string;
  readonly world: "command" | "http" | "library";
  readonly imports: readonly string[];
}

/** What wasm-runtime/transpile.ts does, as far as it matters here. A refusal carries `reason`. */
export type Transpile = (component: Uint8Array) => Promise<{
  readonly bytes: Uint8Array;
  readonly header: { readonly world: "command" | "http" | "library"; readonly imports: readonly string[] };
}>;

export interface ComponentStoreOptions {
  readonly directory: string;
  readonly registry: Pick<Registry, "manifest" | "blob">;
  readonly client: OciClient;
  readonly transpile: Transpile;
  /** tool, version and options: results of another one are not used */
  readonly transpiler: string;
  /** base64 of the signature that binds the two digests */
  readonly sign: (of: { readonly componentDigest: string; readonly moduleDigest: string }) => Promise<string> | string;
  readonly log: Log;
}

export interface ComponentStore {
  /** @throws ApiError BadRequest | NotFound | Invalid (not a component, with the reason) | ServiceUnavailable */
  moduleFor(imageReference: string, secrets?: readonly RegistrySecret[]): Promise<ModuleDescriptor>;
  /** undefined: no such module */
  module(moduleDigest: string): Promise<Uint8Array | undefined>;
}

/** Same bound as the transpiler's: what is larger is not worth the download. */
const MAX_COMPONENT_BYTES = 32 << 20;
/** Each takes up to 250 MB and a core; a small server has two cores. */
const MAX_RUNNING = 1;
/** Then callers are told to come again. */
const MAX_WAITING = 64;
const RETRY_SECONDS = 2;
/** index → manifest → component */
const MAX_STEPS = 3;
/** Refusals are the same each time; remembering the last ones keeps a wrong image from costing a core. */
const MAX_REFUSALS = 256;

/** Where the bytes are: a layer that is a component, or an archive with one in it. */
interface Found {
  readonly of: ImageReference;
  readonly digest: string;
  readonly archived: boolean;
}

type Stored = Omit<ModuleDescriptor, "signature">;

export function componentStore(options: ComponentStoreOptions): ComponentStore {
  const { directory, registry, client, transpile, transpiler, sign, log } = options;
  const modules = join(directory, "modules");
  const components = join(directory, "components");
  const pathOf = (moduleDigest: string) => join(modules, moduleDigest.slice("sha256:".length));
  const ready = Promise.all([mkdir(modules, { recursive: true }), mkdir(components, { recursive: true })]);
  const flight = singleFlight<Stored>({ running: MAX_RUNNING, waiting: MAX_WAITING });
  const refusals = new Map<string, ApiError>();

  const manifestOf = async (of: ImageReference, secrets: readonly RegistrySecret[]) =>
    of.registry === OWN_REGISTRY ? registry.manifest(of.repository, versionOf(of)) : client.manifest(of, secrets);

  const blobOf = (of: ImageReference, digest: string, secrets: readonly RegistrySecret[]) =>
    of.registry === OWN_REGISTRY ? registry.blob(of.repository, digest, MAX_COMPONENT_BYTES) : client.blob(of, digest, MAX_COMPONENT_BYTES, secrets);

  async function resolve(text: string, secrets: readonly RegistrySecret[]): Promise<Found> {
    const parsed = parseReference(text);
    if (parsed === undefined) throw new ApiError("BadRequest", `"${text}" is not an image reference: write [registry/]name[:tag][@sha256:…]`);
    let of = parsed;
    let chosen = false;
    for (let step = 0; step < MAX_STEPS; step++) {
      const found = await manifestOf(of, secrets);
      if (found === undefined) throw new ApiError("NotFound", `there is no image ${text}: push it with \`lichen push FILE.wasm NAME:TAG\``);
      const choice = chooseComponent(parseManifest(found.bytes));
      switch (choice.type) {
        case "component":
          if (choice.layer.size > MAX_COMPONENT_BYTES) throw new ApiError("Invalid", `${text}: the component has ${choice.layer.size} bytes, at most ${MAX_COMPONENT_BYTES} are accepted`);
          return { of, digest: choice.layer.digest, archived: false };
        case "archive":
          if (!chosen && !choice.certain && !(await isForWasm(of, choice.config, secrets))) throw new ApiError("Invalid", `${text}: the image is a container image without a WebAssembly layer: push a component, or use the RuntimeClass containerd`);
          return { of, digest: choice.layer.digest, archived: true };
        case "none":
          throw new ApiError("Invalid", `${text}: ${choice.why}`);
        case "manifest":
          of = { ...of, digest: choice.manifest.digest };
          chosen = true;
      }
    }
    throw new ApiError("Invalid", `${text}: an index leads to an index again and again`);
  }

  async function isForWasm(of: ImageReference, config: Descriptor, secrets: readonly RegistrySecret[]): Promise<boolean> {
    const { architecture } = JSON.parse(Buffer.from(await blobOf(of, config.digest, secrets)).toString("utf8")) as { architecture?: unknown };
    return architecture === "wasm" || architecture === "wasm32";
  }

  async function make({ of, digest: layer, archived }: Found, key: string, secrets: readonly RegistrySecret[]): Promise<Stored> {
    const blob = await blobOf(of, layer, secrets);
    const component = archived ? componentIn(blob) : blob;
    const digest = archived ? digestOf(component) : layer;
    const began = performance.now();
    const { bytes, header } = await transpile(component);
    const moduleDigest = digestOf(bytes);
    const stored: Stored = { componentDigest: digest, moduleDigest, size: bytes.length, world: header.world, imports: header.imports };
    await writeDurably(modules, moduleDigest.slice("sha256:".length), bytes);
    await writeDurably(components, key, Buffer.from(JSON.stringify(stored)));
    log.info({ component: digest, module: moduleDigest, bytes: bytes.length, milliseconds: Math.round(performance.now() - began) }, "component transpiled");
    return stored;
  }

  async function known(key: string): Promise<Stored | undefined> {
    const text = await readFile(join(components, key), "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      const stored = JSON.parse(text) as Stored;
      const found = await stat(pathOf(stored.moduleDigest));
      return found.size === stored.size ? stored : undefined;
    } catch {
      return undefined;
    }
  }

  async function module(moduleDigest: string): Promise<Uint8Array | undefined> {
    await ready;
    if (!isDigest(moduleDigest)) return undefined;
    const bytes = await readFile(pathOf(moduleDigest)).catch(() => undefined);
    if (bytes === undefined) return undefined;
    if (digestOf(bytes) === moduleDigest) return bytes;
    // damaged: without the file it is made again when its image is asked for
    log.warn({ module: moduleDigest }, "a module was damaged on disk and is removed");
    await rm(pathOf(moduleDigest), { force: true });
    return undefined;
  }

  return {
    module,
    async moduleFor(text, secrets = []) {
      await ready;
      try {
        const found = await resolve(text, secrets);
        const key = createHash("sha256").update(`${found.digest}\n${transpiler}`).digest("hex");
        const refused = refusals.get(key);
        if (refused !== undefined) throw refused;
        const stored = (await known(key)) ?? (await flight(key, () => make(found, key, secrets).catch((error: unknown) => Promise.reject(remember(refusals, key, text, error)))));
        if (stored === "busy") throw new ApiError("ServiceUnavailable", `${MAX_WAITING} components wait to be transpiled`, { details: { retryAfterSeconds: RETRY_SECONDS } });
        return { ...stored, signature: await sign(stored) };
      } catch (error) {
        throw apiErrorOf(error, text);
      }
    },
  };
}

const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const invalid = (why: string) => new ApiError("Invalid", `the layer of the image ${why}: a wasm image has one .wasm file in one layer`);

/** The one .wasm file of a layer. @throws ApiError */
function componentIn(layer: Uint8Array): Uint8Array {
  let archive = Buffer.from(layer.buffer, layer.byteOffset, layer.length);
  try {
    if (archive[0] === 0x1f && archive[1] === 0x8b) archive = gunzipSync(archive, { maxOutputLength: 2 * MAX_COMPONENT_BYTES });
    const files = [...readTar(archive)].filter(([name]) => name.endsWith(".wasm"));
    const [file, ...more] = files;
    if (file !== undefined && more.length === 0) return file[1];
    throw invalid(`has ${files.length} .wasm files`);
  } catch (error) {
    throw error instanceof ApiError ? error : invalid(`cannot be read (${(error as Error).message})`);
  }
}

/** Refusals of the component itself stay; a full disk or a broken link may be gone the next time. */
function remember(refusals: Map<string, ApiError>, key: string, text: string, error: unknown): unknown {
  const { reason, name } = error as { reason?: unknown; name?: unknown };
  if (name !== "ComponentError") return error;
  const refusal = new ApiError("Invalid", `${text}: ${(error as Error).message}`, { cause: error });
  if (reason !== "TimedOut" && reason !== "OutOfMemory") {
    if (refusals.size >= MAX_REFUSALS) refusals.delete(refusals.keys().next().value ?? "");
    refusals.set(key, refusal);
  }
  return refusal;
}

function apiErrorOf(error: unknown, text: string): ApiError {
  if (error instanceof ApiError) return error;
  const { message } = error as Error;
  if (error instanceof PullError) {
    switch (error.reason) {
      case "NotFound":
        return new ApiError("NotFound", message, { cause: error });
      case "Unauthorized":
        return new ApiError("Forbidden", message, { cause: error });
      case "Invalid":
        return new ApiError("Invalid", message, { cause: error });
      case "Unavailable":
        return new ApiError("ServiceUnavailable", message, { cause: error, details: { retryAfterSeconds: RETRY_SECONDS } });
    }
  }
  if (error instanceof BlobError) return new ApiError(error.reason === "unknown" ? "NotFound" : "Invalid", `${text}: ${message}`, { cause: error });
  if (error instanceof SyntaxError) return new ApiError("Invalid", `${text}: the manifest is not JSON`, { cause: error });
  return new ApiError("InternalError", `${text}: the module could not be made: ${message}`, { cause: error });
}

async function writeDurably(directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const draft = join(directory, `${name}.${process.pid}.new`);
  const file = await open(draft, "w", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, join(directory, name));
  await syncDirectory(directory);
}
