/**
 * What a device asks for:
 *   GET /lichen/v1/modules?image=REF    → descriptor (JSON)
 *   GET /lichen/v1/modules/<digest>     → bundle
 * An image that is being transpiled is waited for briefly; then the answer is 503 with Retry-After, so that no connection
 * hangs. Errors are Status objects, as everywhere in the API.
 */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { sleep } from "../api/clock.ts";
import type { Clock } from "../api/clock.ts";
import { ApiError } from "../api/status.ts";
import type { User } from "../api/user.ts";
import type { ComponentStore } from "./component-store.ts";
import type { RegistrySecret } from "./oci-client.ts";

export const MODULES_PATH = "/lichen/v1/modules";
/** Most components take less than a second. */
const WAIT_MS = 10_000;
const RETRY_SECONDS = 2;
/** Pull secrets of a pod: a few users with tokens. */
const MAX_SECRETS_BYTES = 16 << 10;
const compress = promisify(gzip);

export function modulesHandler(options: { readonly store: ComponentStore; readonly clock: Clock }): (request: Request, user: User) => Promise<Response> {
  return async (request) => {
    try {
      return await answer(options.store, options.clock, request);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const seconds = error.details?.retryAfterSeconds;
      return Response.json(error.toStatus(), { status: error.code, headers: seconds === undefined ? {} : { "retry-after": String(seconds) } });
    }
  };
}

async function answer(store: ComponentStore, clock: Clock, request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (request.method !== "GET") throw new ApiError("MethodNotAllowed", `${request.method} is not supported on ${MODULES_PATH}`);
  const rest = url.pathname.slice(MODULES_PATH.length);
  if (rest === "" || rest === "/") {
    const image = url.searchParams.get("image");
    if (image === null || image === "") throw new ApiError("BadRequest", `say which image: ${MODULES_PATH}?image=NAME:TAG`);
    const descriptor = store.moduleFor(image, secretsOf(request));
    const waited = new AbortController();
    const patience = sleep(clock, WAIT_MS, waited.signal).then(() => "later" as const);
    const first = await Promise.race([descriptor, patience]).finally(() => waited.abort());
    if (first !== "later") return Response.json(first);
    // it goes on; the next request finds it done or joins it
    descriptor.catch(() => {});
    throw new ApiError("ServiceUnavailable", `${image} is being transpiled`, { details: { retryAfterSeconds: RETRY_SECONDS } });
  }
  const bytes = await store.module(decodeURIComponent(rest.slice(1)));
  if (bytes === undefined) throw new ApiError("NotFound", `there is no module ${rest.slice(1)}: ask for its image again`);
  const headers = { "content-type": "application/vnd.lichen.module.v1", "cache-control": "private, immutable, max-age=31536000", etag: `"${rest.slice(1)}"` };
  if (!/\bgzip\b/.test(request.headers.get("accept-encoding") ?? "")) return new Response(new Uint8Array(bytes), { headers });
  return new Response(new Uint8Array(await compress(bytes)), { headers: { ...headers, "content-encoding": "gzip", vary: "accept-encoding" } });
}

function secretsOf(request: Request): readonly RegistrySecret[] {
  const header = request.headers.get("x-registry-auth");
  if (header === null) return [];
  if (header.length > MAX_SECRETS_BYTES) throw wrong();
  try {
    const value: unknown = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
    if (Array.isArray(value) && value.every((one) => typeof one === "object" && one !== null)) return value as RegistrySecret[];
  } catch {
    // the header may hold a password: nothing of it goes into the message
  }
  throw wrong();
}

const wrong = () => new ApiError("BadRequest", "X-Registry-Auth must be base64url of a JSON list of {username, password, identityToken}");
