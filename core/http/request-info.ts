/**
 * What a path under /api or /apis names (apiserver RequestInfo): group, version, namespace, resource, name, subresource.
 * Pure text work; whether such a kind exists and what may be done with it is decided by `route.ts` against the KindTable.
 */
export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly plural: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** segments after the subresource: the path of a proxy request */
  readonly rest: readonly string[];
  /** the old form /api/v1/watch/… */
  readonly watch: boolean;
}

/** Of /api/v1/namespaces/x/…, those are subresources of the namespace itself and not resources inside it. */
const namespaceSubresources = new Set(["status", "finalize"]);

/** undefined for every other path, also for the discovery paths /apis/G and /apis/G/V. */
export function resourcePath(segments: readonly string[]): ResourcePath | undefined {
  const core = segments[0] === "api";
  if (!core && segments[0] !== "apis") return undefined;
  const group = core ? "" : segments[1];
  const version = core ? segments[1] : segments[2];
  let parts = segments.slice(core ? 2 : 3);
  if (group === undefined || version === undefined || parts.length === 0) return undefined;

  const watch = parts[0] === "watch" && parts.length > 1;
  if (watch) parts = parts.slice(1);

  let namespace: string | undefined;
  if (parts[0] === "namespaces" && parts.length > 2 && !namespaceSubresources.has(parts[2] ?? "")) {
    namespace = parts[1];
    parts = parts.slice(2);
  }
  const [plural = "", name, subresource, ...rest] = parts;
  return { group, version, namespace, plural, name, subresource, rest, watch };
}
