/**
 * Another service decides: a SubjectAccessReview is posted to it (Kubernetes documentation, "Webhook Mode"). When it does
 * not answer, it has no opinion: others may allow, silence never does.
 */
import type { Clock } from "../../api/clock.ts";
import type { Log } from "../../api/log.ts";
import type { Fetch } from "../ask-json.ts";
import { askJson, fieldOf } from "../ask-json.ts";
import type { Attributes, Authorizer, Decision } from "../auth.ts";
import { expiringCache } from "../expiring-cache.ts";

/** kube-apiserver --authorization-webhook-cache-authorized-ttl and -unauthorized-ttl */
const ALLOWED_MS = 300_000;
const REFUSED_MS = 30_000;
/** Answers kept: a few hundred bytes each. */
const CACHE_SIZE = 8_192;

export interface WebhookAuthorizerOptions {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly fetch?: Fetch | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export function webhookAuthorizer({ url, headers = {}, fetch: ask = fetch, clock, log }: WebhookAuthorizerOptions): Authorizer {
  const answers = expiringCache<Decision>({ clock, size: CACHE_SIZE, ttlMs: (decision) => (decision.allowed ? ALLOWED_MS : REFUSED_MS) });

  async function review(spec: unknown): Promise<Decision> {
    const body = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", metadata: { creationTimestamp: null }, spec };
    const status = fieldOf(await askJson(url, { fetch: ask, body, headers }), "status");
    const text = fieldOf(status, "reason");
    const reason = typeof text === "string" ? text : "";
    if (fieldOf(status, "allowed") === true) return { allowed: true, reason };
    return { allowed: false, denied: fieldOf(status, "denied") === true, reason };
  }

  return {
    async authorize(asked) {
      const spec = specOf(asked);
      try {
        return await answers.get(JSON.stringify(spec), () => review(spec));
      } catch (error) {
        log.warn({ error: String(error) }, "the authorization webhook gave no answer");
        return { allowed: false, denied: false, reason: "" };
      }
    },
  };
}

function specOf(asked: Attributes): unknown {
  const { user, verb } = asked;
  const who = { user: user.name, groups: user.groups, uid: user.uid, extra: user.extra };
  if ("path" in asked) return { ...who, nonResourceAttributes: { path: asked.path, verb } };
  const { group, version, plural, subresource, namespace, name } = asked.resource;
  return { ...who, resourceAttributes: { verb, group, version, resource: plural, subresource, namespace, name } };
}
