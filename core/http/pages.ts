/**
 * The paths outside /api and /apis, as a table. They are authorized as non-resource URLs by their path and the verb of the
 * method; `system:public-info-viewer` and `system:discovery` open some of them to everyone or every user.
 */
import type { Call } from "./call.ts";
import { health } from "./health.ts";
import type { Message } from "./reply.ts";
import { json, text } from "./reply.ts";
import type { HttpServices } from "./services.ts";
import { methodNotAllowed, noSuchPage } from "./target.ts";
import { versionInfo } from "./version.ts";

export type Page = (call: Call) => Message | Promise<Message>;

export interface Pages {
  /** undefined: no such page */
  find(path: string): Page | undefined;
}

export function openPages(services: HttpServices, more: { readonly [path: string]: Page }, metrics: () => string): Pages {
  const { openid } = services;
  const probe = (name: "healthz" | "livez" | "readyz"): Page => (call) => health(call, name, services.checks ?? [], services.log);
  const exact: { readonly [path: string]: Page } = {
    ...more,
    "/": getOnly(() => json({ paths: pathList() })),
    ...withSlash("/version", readOnly(() => json(versionInfo()))),
    "/metrics": () => ({ ...text(metrics()), headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8; escaping=underscores" } }),
    ...withSlash("/.well-known/openid-configuration", readOnly(() => openidDocument(openid?.configuration, "application/json"))),
    ...withSlash("/openid/v1/jwks", readOnly(() => openidDocument(openid?.jwks, "application/jwk-set+json"))),
  };
  /** those with paths of their own below them */
  const trees: { readonly [root: string]: Page } = { healthz: probe("healthz"), livez: probe("livez"), readyz: probe("readyz") };

  function pathList(): readonly string[] {
    const checks = (services.checks ?? []).map((check) => `/readyz/${check.name}`);
    const groups = new Set<string>();
    for (const { group, version } of services.kinds.all()) {
      if (group === "") groups.add(`/api/${version}`);
      else groups.add(`/apis/${group}`).add(`/apis/${group}/${version}`);
    }
    const roots = Object.keys(exact).filter((path) => !path.endsWith("/"));
    return ["/api", "/apis", ...groups, ...roots, ...Object.keys(trees).map((root) => `/${root}`), ...checks].toSorted();
  }

  return {
    find(path) {
      if (Object.hasOwn(exact, path)) return exact[path];
      if (path.endsWith("/")) return undefined;
      const root = path.split("/", 2)[1] ?? "";
      if (Object.hasOwn(trees, root)) return trees[root];
      const tree = Object.keys(more).find((each) => each.endsWith("/*") && path.startsWith(each.slice(0, -1)));
      return tree === undefined ? undefined : more[tree];
    },
  };
}

/** Of these Kubernetes serves both spellings. */
const withSlash = (path: string, page: Page) => ({ [path]: page, [`${path}/`]: page });

/** Not even HEAD. */
function readOnly(page: Page): Page {
  return (call) => {
    if (call.method !== "GET") throw methodNotAllowed();
    return page(call);
  };
}

export function getOnly(page: Page): Page {
  return (call) => {
    if (call.method !== "GET" && call.method !== "HEAD") throw methodNotAllowed();
    return page(call);
  };
}

async function openidDocument(document: (() => unknown) | undefined, type: string): Promise<Message> {
  if (document === undefined) throw noSuchPage();
  return json(await document(), 200, { "Content-Type": type, "Cache-Control": "public, max-age=3600" });
}
