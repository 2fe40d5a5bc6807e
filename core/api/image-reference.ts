/**
 * Image references as container tools read them: `[registry/]repository[:tag][@digest]`. Pure, and strict: what becomes part
 * of a path or a URL later is checked here.
 * Grammar: distribution/reference; OCI distribution specification 1.1, "Pulling manifests".
 */
export interface ImageReference {
  /** host[:port] */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

/** The registry of this server, under the same name on every device. */
export const OWN_REGISTRY = "registry.lichen.internal";

const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const HOST = /^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
/** as distribution/reference limits it */
const MAX_NAME = 255;

export const isRepository = (name: string) => name.length <= MAX_NAME && REPOSITORY.test(name);
export const isTag = (tag: string) => TAG.test(tag);
export const isDigest = (digest: string) => DIGEST.test(digest);

/** @returns undefined when the text is no reference */
export function parseReference(text: string): ImageReference | undefined {
  const [named = "", digest, ...more] = text.split("@");
  if (more.length > 0 || (digest !== undefined && !isDigest(digest))) return undefined;
  const slash = named.indexOf("/");
  const first = slash < 0 ? "" : named.slice(0, slash);
  const hasRegistry = first.includes(".") || first.includes(":") || first === "localhost" || first !== first.toLowerCase();
  const registry = hasRegistry ? first : "docker.io";
  const path = hasRegistry ? named.slice(slash + 1) : named;
  const colon = path.lastIndexOf(":");
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  const name = colon < 0 ? path : path.slice(0, colon);
  // Docker Hub keeps its official images under library/
  const repository = registry === "docker.io" && !name.includes("/") ? `library/${name}` : name;
  if (!HOST.test(registry) || !isRepository(repository) || (tag !== undefined && !isTag(tag))) return undefined;
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** What to ask a registry for. */
export const versionOf = (of: ImageReference) => of.digest ?? of.tag ?? "latest";
