/** Tokens that another service knows: a TokenReview is posted to it (Kubernetes documentation, "Webhook Token Authentication"). */
import type { Clock } from "../../api/clock.ts";
import type { User } from "../../api/user.ts";
import { AUTHENTICATED } from "../../api/user.ts";
import type { Fetch } from "../ask-json.ts";
import { askJson, fieldOf, stringsOf } from "../ask-json.ts";
import type { Authenticator } from "../auth.ts";
import { expiringCache } from "../expiring-cache.ts";
import { digest } from "./secret-text.ts";
import { unauthorized } from "./unauthorized.ts";

/** kube-apiserver --authentication-token-webhook-cache-ttl */
const CACHE_MS = 120_000;
/** Answers kept: one small user each. */
const CACHE_SIZE = 4_096;

export interface WebhookAuthenticatorOptions {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly audiences?: readonly string[] | undefined;
  readonly fetch?: Fetch | undefined;
  readonly clock: Clock;
}

/** Asks for every token that no authenticator before it knew, so it comes last. */
export function webhookAuthenticator({ url, headers = {}, audiences, fetch: ask = fetch, clock }: WebhookAuthenticatorOptions): Authenticator {
  const answers = expiringCache<User | undefined>({ clock, size: CACHE_SIZE, ttlMs: () => CACHE_MS });

  async function review(token: string): Promise<User | undefined> {
    const body = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      metadata: { creationTimestamp: null },
      spec: { token, ...(audiences === undefined ? {} : { audiences }) },
    };
    const status = fieldOf(await askJson(url, { fetch: ask, body, headers }), "status");
    if (fieldOf(status, "authenticated") !== true) return undefined;
    const granted = stringsOf(fieldOf(status, "audiences"));
    if (audiences !== undefined && granted.length > 0 && !granted.some((audience) => audiences.includes(audience))) return undefined;
    return userOf(fieldOf(status, "user"));
  }

  return async ({ bearer }) => {
    if (bearer === undefined) return undefined;
    try {
      return await answers.get(digest(bearer).toString("base64url"), () => review(bearer));
    } catch (cause) {
      throw unauthorized(`webhook: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  };
}

function userOf(user: unknown): User {
  const name = fieldOf(user, "username");
  if (typeof name !== "string" || name === "") throw new Error("the answer names no user");
  const uid = fieldOf(user, "uid");
  const extra = fieldOf(user, "extra");
  return {
    name,
    ...(typeof uid === "string" && uid !== "" ? { uid } : {}),
    groups: [...new Set([...stringsOf(fieldOf(user, "groups")), AUTHENTICATED])],
    ...(typeof extra === "object" && extra !== null ? { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, stringsOf(values)])) } : {}),
  };
}
