/**
 * The OCI registry of a server: components and images come from where the control plane is, without a second service. One
 * function from request to response; who may call it was decided before (RBAC on the path).
 * OCI distribution specification 1.1; the end points are numbered as there.
 */
import { Readable } from "node:stream";
import type { User } from "../api/user.ts";
import { BlobError, blobStore } from "./blobs.ts";
import type { Blobs } from "./blobs.ts";
import { collectGarbage } from "./garbage.ts";
import type { Collected } from "./garbage.ts";
import { getManifest, putManifest } from "./registry-manifests.ts";
import { isDigest, isRepository, isTag } from "../api/image-reference.ts";
import { RegistryError } from "./registry-error.ts";
import { repositories } from "./repositories.ts";
import type { Repositories } from "./repositories.ts";

export interface Registry {
  handle(request: Request, user: User): Promise<Response>;
  /** for the component store: undefined when there is none */
  manifest(repository: string, version: string): Promise<{ readonly digest: string; readonly mediaType: string; readonly bytes: Uint8Array } | undefined>;
  /** @throws BlobError */
  blob(repository: string, digest: string, limit: number): Promise<Uint8Array>;
  /** removes what no tag reaches and nobody has touched since */
  collectGarbage(before: number): Promise<Collected>;
}

export interface Parts {
  readonly blobs: Blobs;
  readonly repositories: Repositories;
}

/** Tags per answer when the client names no number. */
const DEFAULT_PAGE = 1000;

export function ociRegistry(options: { readonly directory: string }): Registry {
  const parts: Parts = { blobs: blobStore(options.directory), repositories: repositories(options.directory) };
  return {
    async handle(request) {
      try {
        return await route(parts, request);
      } catch (error) {
        return errorOf(error).response();
      }
    },
    async manifest(repository, version) {
      if (!isRepository(repository) || !(isTag(version) || isDigest(version))) return undefined;
      return getManifest(parts, repository, version);
    },
    async blob(repository, digest, limit) {
      if (!(await parts.repositories.has(repository, digest))) throw new BlobError("unknown", `there is no blob ${digest} in ${repository}`);
      return parts.blobs.read(digest, limit);
    },
    collectGarbage: (before) => collectGarbage(parts, before),
  };
}

function errorOf(error: unknown): RegistryError {
  if (error instanceof RegistryError) return error;
  if (error instanceof BlobError) {
    switch (error.reason) {
      case "digest":
        return new RegistryError("DIGEST_INVALID", error.message);
      case "size":
        return new RegistryError("SIZE_INVALID", error.message);
      case "range":
        return new RegistryError("BLOB_UPLOAD_INVALID", error.message);
      case "unknown":
        return new RegistryError("BLOB_UPLOAD_UNKNOWN", error.message);
      case "busy":
        return new RegistryError("TOOMANYREQUESTS", error.message);
    }
  }
  throw error;
}

function route(parts: Parts, request: Request): Promise<Response> | Response {
  const url = new URL(request.url);
  if (url.pathname === "/v2/" || url.pathname === "/v2") return Response.json({}, { headers: { "docker-distribution-api-version": "registry/2.0" } });
  if (url.pathname === "/v2/_catalog") return catalog(parts, request);
  const match = /^\/v2\/(.+)\/(blobs|manifests|tags|referrers)\/(.*)$/.exec(url.pathname);
  const [, name = "", kind = "", rest = ""] = match ?? [];
  // the last upload segment is greedy otherwise: "a/blobs/uploads/…"
  const upload = /^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/.exec(url.pathname);
  if (upload !== null) return uploads(parts, request, url, checked(upload[1] ?? ""), upload[2] ?? "");
  if (match === null) throw new RegistryError("NAME_INVALID", `${url.pathname} is not a path of a registry`, 404);
  checked(name);
  switch (kind) {
    case "blobs":
      return blob(parts, request, name, rest);
    case "manifests":
      return manifest(parts, request, name, rest);
    case "tags":
      return tags(parts, request, url, name);
    default:
      return referrers(parts, request, url, name, rest);
  }
}

function checked(name: string): string {
  if (!isRepository(name)) throw new RegistryError("NAME_INVALID", `"${name}" is not a repository name: lower case letters, digits, ". _ -" between them, parts divided by "/"`);
  return name;
}

const refused = (request: Request) => new RegistryError("UNSUPPORTED", `${request.method} is not supported here`);

async function catalog({ repositories: all }: Parts, request: Request): Promise<Response> {
  if (request.method !== "GET") throw refused(request);
  return Response.json({ repositories: (await all.names()).toSorted() });
}

/** end-2, end-9 */
async function blob({ blobs, repositories: all }: Parts, request: Request, name: string, digest: string): Promise<Response> {
  if (!isDigest(digest)) throw new RegistryError("DIGEST_INVALID", `"${digest}" is not a sha256 digest`);
  const size = (await all.has(name, digest)) ? await blobs.size(digest) : undefined;
  if (size === undefined) throw new RegistryError("BLOB_UNKNOWN", `there is no blob ${digest} in ${name}`);
  const headers = { "content-type": "application/octet-stream", "docker-content-digest": digest, "accept-ranges": "bytes", etag: `"${digest}"` };
  switch (request.method) {
    case "HEAD":
      return new Response(null, { headers: { ...headers, "content-length": String(size) } });
    case "GET": {
      const range = rangeOf(request.headers.get("range"), size);
      if (range === "unsatisfiable") return new Response(null, { status: 416, headers: { ...headers, "content-range": `bytes */${size}` } });
      const { start, end } = range ?? { start: 0, end: size - 1 };
      const body = size === 0 ? null : (Readable.toWeb(Readable.from(blobs.stream(digest, { start, end }))) as ReadableStream<Uint8Array>);
      const more = range === undefined ? {} : { "content-range": `bytes ${start}-${end}/${size}` };
      return new Response(body, { status: range === undefined ? 200 : 206, headers: { ...headers, ...more, "content-length": String(end - start + 1) } });
    }
    case "DELETE":
      await all.unlink(name, digest);
      return new Response(null, { status: 202 });
    default:
      throw refused(request);
  }
}

/** RFC 9110 14.1.2, one range; anything else is ignored, as it may be. */
function rangeOf(header: string | null, size: number): { start: number; end: number } | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  const [first, last] = [match[1] ?? "", match[2] ?? ""];
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(size - 1, Number(last));
  return start >= size || start > end ? "unsatisfiable" : { start, end };
}

/** end-4 (a, b), 5, 6, 11, 13, 14 */
async function uploads(parts: Parts, request: Request, url: URL, name: string, id: string): Promise<Response> {
  const { blobs, repositories: all } = parts;
  const answer = (upload: string, size: number, status: number) =>
    new Response(null, { status, headers: { location: `/v2/${name}/blobs/uploads/${upload}`, "docker-upload-uuid": upload, range: `0-${Math.max(0, size - 1)}`, "content-length": "0" } });
  const finished = async (upload: string, digest: string) => {
    if (!isDigest(digest)) throw new RegistryError("DIGEST_INVALID", `"${digest}" is not a sha256 digest`);
    await blobs.append(upload, bodyOf(request), startOf(request));
    await blobs.finish(upload, digest);
    await all.link(name, digest);
    return created(name, digest);
  };
  if (id === "") {
    if (request.method !== "POST") throw refused(request);
    const mount = url.searchParams.get("mount");
    const from = url.searchParams.get("from");
    if (mount !== null && from !== null && isDigest(mount) && isRepository(from) && (await all.has(from, mount)) && (await blobs.size(mount)) !== undefined) {
      await all.link(name, mount);
      return created(name, mount);
    }
    const upload = await blobs.begin();
    const digest = url.searchParams.get("digest");
    if (digest === null) return answer(upload, 0, 202);
    try {
      return await finished(upload, digest);
    } catch (error) {
      // nobody learns the name of this upload
      await blobs.cancel(upload);
      throw error;
    }
  }
  switch (request.method) {
    case "PATCH":
      return answer(id, await blobs.append(id, bodyOf(request), startOf(request)), 202);
    case "PUT":
      return finished(id, url.searchParams.get("digest") ?? "");
    case "GET":
      return answer(id, await blobs.uploaded(id), 204);
    case "DELETE":
      await blobs.cancel(id);
      return new Response(null, { status: 204 });
    default:
      throw refused(request);
  }
}

const created = (name: string, digest: string) =>
  new Response(null, { status: 201, headers: { location: `/v2/${name}/blobs/${digest}`, "docker-content-digest": digest, "content-length": "0" } });

/** "Content-Range: 0-99" of a chunk */
function startOf(request: Request): number | undefined {
  const match = /^(?:bytes )?(\d+)-\d+/.exec(request.headers.get("content-range") ?? "");
  return match === null ? undefined : Number(match[1]);
}

async function* bodyOf(request: Request): AsyncIterable<Uint8Array> {
  if (request.body !== null) for await (const chunk of request.body) yield chunk as Uint8Array;
}

/** end-3, 7, 9 */
async function manifest(parts: Parts, request: Request, name: string, version: string): Promise<Response> {
  if (!isTag(version) && !isDigest(version)) throw new RegistryError("MANIFEST_INVALID", `"${version}" is neither a tag nor a sha256 digest`);
  switch (request.method) {
    case "GET":
    case "HEAD": {
      const found = await getManifest(parts, name, version);
      if (found === undefined) throw new RegistryError("MANIFEST_UNKNOWN", `there is no ${name}:${version}`);
      const headers = { "content-type": found.mediaType, "docker-content-digest": found.digest, "content-length": String(found.bytes.length), etag: `"${found.digest}"` };
      return new Response(request.method === "HEAD" ? null : new Uint8Array(found.bytes), { headers });
    }
    case "PUT": {
      const { digest, subject } = await putManifest(parts, name, version, request.headers.get("content-type"), bodyOf(request));
      return new Response(null, {
        status: 201,
        headers: { location: `/v2/${name}/manifests/${digest}`, "docker-content-digest": digest, "content-length": "0", ...(subject === undefined ? {} : { "oci-subject": subject }) },
      });
    }
    case "DELETE": {
      const removed = isDigest(version) ? await parts.repositories.removeManifest(name, version) : await parts.repositories.removeTag(name, version);
      if (!removed) throw new RegistryError("MANIFEST_UNKNOWN", `there is no ${name}:${version}`);
      return new Response(null, { status: 202 });
    }
    default:
      throw refused(request);
  }
}

/** end-8 (a, b) */
async function tags({ repositories: all }: Parts, request: Request, url: URL, name: string): Promise<Response> {
  if (request.method !== "GET" || !url.pathname.endsWith("/tags/list")) throw refused(request);
  const known = await all.tags(name);
  if (known.length === 0 && !(await all.names()).includes(name)) throw new RegistryError("NAME_UNKNOWN", `there is no repository ${name}`);
  const asked = url.searchParams.get("n");
  const count = asked === null ? DEFAULT_PAGE : Math.min(DEFAULT_PAGE, Math.max(0, Math.trunc(Number(asked)) || 0));
  const last = url.searchParams.get("last");
  const after = last === null ? known : known.filter((tag) => tag > last);
  const page = after.slice(0, count);
  const end = page.at(-1);
  const link = page.length < after.length && end !== undefined ? { link: `</v2/${name}/tags/list?n=${count}&last=${encodeURIComponent(end)}>; rel="next"` } : {};
  return Response.json({ name, tags: page }, { headers: link });
}

/** end-12 */
async function referrers({ repositories: all }: Parts, request: Request, url: URL, name: string, digest: string): Promise<Response> {
  if (request.method !== "GET") throw refused(request);
  if (!isDigest(digest)) throw new RegistryError("DIGEST_INVALID", `"${digest}" is not a sha256 digest`);
  const type = url.searchParams.get("artifactType");
  const found = (await all.referrers(name, digest)).filter((one) => type === null || one.artifactType === type);
  const headers = { "content-type": "application/vnd.oci.image.index.v1+json", ...(type === null ? {} : { "oci-filters-applied": "artifactType" }) };
  return Response.json({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: found }, { headers });
}
