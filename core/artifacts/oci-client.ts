/**
 * Pulls from any OCI registry with `fetch`: anonymous, basic or token authentication, mirrors first. HTTPS always, except
 * for hosts that the configuration names. Everything that comes back is bounded and checked against its digest.
 * OCI distribution specification 1.1; distribution/distribution, "Token authentication".
 */
import { createHash } from "node:crypto";
import { wordTable } from "../api/word-table.ts";
import { MANIFEST_TYPES, MAX_MANIFEST_BYTES } from "./manifest.ts";
import { isDigest, versionOf } from "../api/image-reference.ts";
import type { ImageReference } from "../api/image-reference.ts";

export interface RegistrySecret {
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
}

export class PullError extends Error {
  override readonly name = "PullError";
  readonly reason: "NotFound" | "Unauthorized" | "Unavailable" | "Invalid";

  constructor(reason: PullError["reason"], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

export interface OciClient {
  /** @throws PullError */
  manifest(of: ImageReference, secrets: readonly RegistrySecret[]): Promise<{ readonly digest: string; readonly bytes: Uint8Array }>;
  /** @throws PullError */
  blob(of: ImageReference, digest: string, limit: number, secrets: readonly RegistrySecret[]): Promise<Uint8Array>;
}

export interface OciClientOptions {
  readonly fetch?: typeof fetch;
  /** hosts (with port) that are spoken to over plain HTTP: a registry on the local network without certificate */
  readonly plainHttp?: readonly string[];
  /** registry → base URLs that are asked before it, in order */
  readonly mirrors?: Readonly<Record<string, readonly string[]>>;
  /** registry → what to try after the pod's own secrets */
  readonly credentials?: Readonly<Record<string, RegistrySecret>>;
}

const TIMEOUT_MS = 60_000;
const MAX_TOKEN_BYTES = 64 << 10;
/** Names of Docker Hub in references, and its registry. */
const hosts = wordTable<string>({ "docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io" });

export function ociClient(options: OciClientOptions = {}): OciClient {
  const { plainHttp = [], mirrors = {}, credentials = {} } = options;
  const send = options.fetch ?? fetch;

  const bases = (registry: string) => [...(mirrors[registry] ?? []), `${plainHttp.includes(registry) ? "http" : "https"}://${hosts[registry] ?? registry}`];

  /** Tries each base with each secret, anonymous first; the last failure is told. */
  async function pull(of: ImageReference, path: string, accept: string, limit: number, secrets: readonly RegistrySecret[]): Promise<Response> {
    let failure = new PullError("Unavailable", `${of.registry} could not be asked`);
    for (const base of bases(of.registry)) {
      const own = credentials[of.registry];
      for (const secret of [undefined, ...secrets, ...(own === undefined ? [] : [own])]) {
        const url = new URL(`/v2/${of.repository}/${path}`, base);
        try {
          const response = await authorized(url, of, accept, secret);
          if (response.ok) {
            if (Number(response.headers.get("content-length") ?? 0) > limit) throw new PullError("Invalid", `${url.host} sends more than ${limit} bytes for ${of.repository}`);
            return response;
          }
          await response.body?.cancel();
          failure = refusal(of, response.status);
        } catch (error) {
          if (error instanceof PullError && error.reason === "Invalid") throw error;
          failure = error instanceof PullError ? error : new PullError("Unavailable", `${url.host} could not be reached: ${causeOf(error)}`, error);
          break;
        }
        if (failure.reason !== "Unauthorized") break;
      }
    }
    throw failure;
  }

  async function authorized(url: URL, of: ImageReference, accept: string, secret: RegistrySecret | undefined): Promise<Response> {
    const ask = (authorization?: string) =>
      send(url, { headers: { accept, ...(authorization === undefined ? {} : { authorization }) }, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const first = await ask();
    if (first.status !== 401) return first;
    await first.body?.cancel();
    const challenge = first.headers.get("www-authenticate") ?? "";
    if (/^basic/i.test(challenge)) return secret?.username === undefined ? first : ask(basic(secret));
    const token = await tokenFor(challenge, of, secret);
    return token === undefined ? first : ask(`Bearer ${token}`);
  }

  async function tokenFor(challenge: string, of: ImageReference, secret: RegistrySecret | undefined): Promise<string | undefined> {
    const field = (name: string) => new RegExp(`${name}="([^"]*)"`, "i").exec(challenge)?.[1];
    const realm = field("realm");
    if (realm === undefined || !/^bearer/i.test(challenge)) return undefined;
    const url = new URL(realm);
    // a password goes over TLS, or to a host that the configuration names
    if (url.protocol !== "https:" && !plainHttp.includes(url.host)) throw new PullError("Invalid", `${of.registry} sends tokens from ${url.origin}, which is not encrypted; allow it as a plain HTTP host if that is right`);
    const service = field("service");
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", `repository:${of.repository}:pull`);
    const response = await send(url, {
      ...(secret?.identityToken === undefined
        ? { headers: secret?.username === undefined ? {} : { authorization: basic(secret) } }
        : {
            method: "POST",
            body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: secret.identityToken, client_id: "lichen", service: service ?? "", scope: `repository:${of.repository}:pull` }),
          }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) {
      await response.body?.cancel();
      return undefined;
    }
    const answer = JSON.parse(Buffer.from(await bounded(response, MAX_TOKEN_BYTES)).toString("utf8")) as { token?: string; access_token?: string };
    return answer.token ?? answer.access_token;
  }

  return {
    async manifest(of, secrets) {
      const response = await pull(of, `manifests/${versionOf(of)}`, MANIFEST_TYPES.join(", "), MAX_MANIFEST_BYTES, secrets);
      const bytes = await bounded(response, MAX_MANIFEST_BYTES);
      const digest = digestOf(bytes);
      if (of.digest !== undefined && of.digest !== digest) throw new PullError("Invalid", `${of.registry} sent a manifest with digest ${digest} for ${of.digest}`);
      return { digest, bytes };
    },
    async blob(of, digest, limit, secrets) {
      if (!isDigest(digest)) throw new PullError("Invalid", `"${digest}" is not a sha256 digest`);
      const bytes = await bounded(await pull(of, `blobs/${digest}`, "*/*", limit, secrets), limit);
      if (digestOf(bytes) !== digest) throw new PullError("Invalid", `${of.registry} sent a blob with digest ${digestOf(bytes)} for ${digest}`);
      return bytes;
    },
  };
}

const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const basic = (secret: RegistrySecret) => `Basic ${Buffer.from(`${secret.username ?? ""}:${secret.password ?? ""}`).toString("base64")}`;

function refusal(of: ImageReference, status: number): PullError {
  const name = `${of.registry}/${of.repository}:${versionOf(of)}`;
  if (status === 404) return new PullError("NotFound", `there is no ${name}`);
  if (status === 401 || status === 403) return new PullError("Unauthorized", `${of.registry} does not let us pull ${name}: check the imagePullSecrets`);
  return new PullError("Unavailable", `${of.registry} answered ${status} for ${name}`);
}

function causeOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message : message;
}

async function bounded(response: Response, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (response.body !== null) {
    for await (const chunk of response.body) {
      size += (chunk as Uint8Array).length;
      if (size > limit) throw new PullError("Invalid", `the registry sends more than ${limit} bytes`);
      chunks.push(chunk as Uint8Array);
    }
  }
  return Buffer.concat(chunks);
}
