/**
 * Where modules come from: the server, over HTTPS with the device's certificate, trusting the pinned CA only. What arrives
 * is checked against the descriptor's digest here, and against the signature before it runs.
 */
import { request } from "node:https";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { ModuleDescriptor } from "../../../wasm-runtime/modules.ts";
import { isWorld } from "../../../wasm-runtime/bundle.ts";
import { digestOf } from "../../../wasm-runtime/modules.ts";
import { sleep } from "../../../core/api/clock.ts";
import type { Clock } from "../../../core/api/clock.ts";
import { ImageError } from "../runtime.ts";
import type { PullSecret } from "../runtime.ts";

export interface FetchedModule {
  readonly descriptor: ModuleDescriptor;
  readonly bytes: Uint8Array;
}

/** What the wasi runtime needs of the outside. */
export interface ComponentSource {
  /** @throws ImageError */
  fetch(reference: string, options: { readonly secrets: readonly PullSecret[]; readonly signal: AbortSignal }): Promise<FetchedModule>;
}

export interface ServerSourceOptions {
  /** "https://host:port" */
  readonly server: string;
  /** PEM of the CA that signed the server's certificate; nothing else is trusted */
  readonly ca: string;
  /** PEM; asked for each time, because certificates are renewed */
  readonly credentials: () => { readonly cert: string; readonly key: string };
  readonly clock: Clock;
}

/** Twice the largest component and some room. */
const MAX_MODULE_BYTES = 72 << 20;
const MAX_ANSWER_BYTES = 1 << 20;
/** The server transpiles for at most a minute; then it says why not. */
const MAX_WAITS = 60;
const DEFAULT_WAIT_SECONDS = 2;
const MAX_WAIT_SECONDS = 30;
const IDLE_TIMEOUT_MS = 30_000;

export function serverComponentSource(options: ServerSourceOptions): ComponentSource {
  return {
    async fetch(reference, { secrets, signal }) {
      const descriptor = await describe(options, reference, secrets, signal);
      // glue compresses to a tenth, and links to devices are slow
      const answer = await get(options, `/lichen/v1/modules/${descriptor.moduleDigest}`, { "accept-encoding": "gzip" }, MAX_MODULE_BYTES, signal);
      if (answer.status !== 200) throw failure(reference, answer);
      const body = answer.encoding === "gzip" ? await unpack(reference, answer.body) : answer.body;
      const digest = digestOf(body);
      if (digest !== descriptor.moduleDigest) {
        throw new ImageError("ErrImagePull", `the module of ${reference} arrived with digest ${digest} instead of ${descriptor.moduleDigest}`);
      }
      return { descriptor, bytes: body };
    },
  };
}

async function describe(options: ServerSourceOptions, reference: string, secrets: readonly PullSecret[], signal: AbortSignal): Promise<ModuleDescriptor> {
  const headers: Record<string, string> = secrets.length === 0 ? {} : { "x-registry-auth": Buffer.from(JSON.stringify(secrets)).toString("base64url") };
  for (let waits = 0; ; waits++) {
    const answer = await get(options, `/lichen/v1/modules?image=${encodeURIComponent(reference)}`, headers, MAX_ANSWER_BYTES, signal);
    if (answer.status === 200) return parseDescriptor(reference, answer.body);
    if (answer.status !== 503 || waits >= MAX_WAITS) throw failure(reference, answer);
    const seconds = Math.min(MAX_WAIT_SECONDS, Number(answer.retryAfter) || DEFAULT_WAIT_SECONDS);
    await sleep(options.clock, seconds * 1000, signal);
    signal.throwIfAborted();
  }
}

function parseDescriptor(reference: string, body: Uint8Array): ModuleDescriptor {
  const value = JSON.parse(Buffer.from(body).toString("utf8")) as Partial<ModuleDescriptor> | null;
  const { componentDigest, moduleDigest, size, signature, world, imports } = value ?? {};
  const digests = [componentDigest, moduleDigest].every((digest) => typeof digest === "string" && /^sha256:[0-9a-f]{64}$/.test(digest));
  if (!digests || componentDigest === undefined || moduleDigest === undefined || typeof size !== "number" || typeof signature !== "string" || !isWorld(world) || !Array.isArray(imports)) {
    throw new ImageError("ErrImagePull", `the server's answer about ${reference} is not a module descriptor: server and device differ in version`);
  }
  return { componentDigest, moduleDigest, size, signature, world, imports };
}

const decompress = promisify(gunzip);

async function unpack(reference: string, bytes: Uint8Array): Promise<Uint8Array> {
  try {
    return await decompress(bytes, { maxOutputLength: MAX_MODULE_BYTES });
  } catch (error) {
    throw new ImageError("ErrImagePull", `the module of ${reference} arrived damaged: ${(error as Error).message}`, error);
  }
}

interface Answer {
  readonly status: number;
  readonly encoding: string | undefined;
  readonly retryAfter: string | undefined;
  readonly body: Uint8Array;
}

function failure(reference: string, answer: Answer): ImageError {
  let text = "";
  try {
    text = String((JSON.parse(Buffer.from(answer.body).toString("utf8")) as { message?: unknown }).message ?? "");
  } catch {
    // not from our server
  }
  const message = text === "" ? `the server answered ${answer.status} for ${reference}` : text;
  if (answer.status === 400) return new ImageError("InvalidImageName", message);
  if (answer.status >= 500) return new ImageError("RegistryUnavailable", message);
  return new ImageError("ErrImagePull", message);
}

function get(options: ServerSourceOptions, path: string, headers: Record<string, string>, maxBytes: number, signal: AbortSignal): Promise<Answer> {
  const { cert, key } = options.credentials();
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(error instanceof ImageError ? error : new ImageError("RegistryUnavailable", `the server could not be asked for a module: ${error.message}`, error));
    const call = request(new URL(path, options.server), { ca: options.ca, cert, key, headers, signal, timeout: IDLE_TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxBytes) response.destroy(new ImageError("ErrImagePull", `the server sent more than ${maxBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, encoding: response.headers["content-encoding"], retryAfter: response.headers["retry-after"], body: Buffer.concat(chunks) }));
      response.on("error", fail);
    });
    call.on("timeout", () => call.destroy(new Error(`no answer within ${IDLE_TIMEOUT_MS} ms`)));
    call.on("error", fail);
    call.end();
  });
}
