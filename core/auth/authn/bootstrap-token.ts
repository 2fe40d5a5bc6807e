/**
 * Bootstrap tokens `<id>.<secret>`: a Secret `bootstrap-token-<id>` in kube-system of type bootstrap.kubernetes.io/token
 * (Kubernetes documentation, "Authenticating with Bootstrap Tokens"). Join tokens for devices are such Secrets too, see
 * join-token.ts; one of those does not log in here unless it also says that it may.
 */
import type { Clock } from "../../api/clock.ts";
import type { Secret } from "../../api/types.gen.ts";
import { AUTHENTICATED } from "../../api/user.ts";
import type { Authenticator } from "../auth.ts";
import { sameSecret } from "./secret-text.ts";
import { unauthorized } from "./unauthorized.ts";

export const TOKEN_NAMESPACE = "kube-system";
export const TOKEN_SECRET_TYPE = "bootstrap.kubernetes.io/token";
export const tokenSecretName = (id: string) => `bootstrap-token-${id}`;

const GROUP = "system:bootstrappers";
const format = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
/** Extra groups must be below system:bootstrappers, so that who writes such a Secret cannot name any group. */
const extraGroup = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/** The Secret with this name in kube-system, from memory. */
export type TokenSecretLookup = (name: string) => Secret | undefined;

export function bootstrapTokenAuthenticator(secretNamed: TokenSecretLookup, clock: Clock): Authenticator {
  return async ({ bearer }) => {
    const [, id, secret] = format.exec(bearer ?? "") ?? [];
    if (id === undefined || secret === undefined) return undefined;
    const stored = secretNamed(tokenSecretName(id));
    const problem = problemOf(stored, { id, secret, now: clock.now(), usage: "usage-bootstrap-authentication" });
    if (problem !== undefined || stored === undefined) throw unauthorized(`bootstrap token ${id}: ${problem}`);
    const extra = (field(stored, "auth-extra-groups") ?? "").split(",").filter((group) => group !== "");
    if (!extra.every((group) => extraGroup.test(group))) throw unauthorized(`bootstrap token ${id}: an extra group is not below ${GROUP}`);
    return { name: `system:bootstrap:${id}`, groups: [...new Set([GROUP, ...extra, AUTHENTICATED])] };
  };
}

export interface Presented {
  readonly id: string;
  readonly secret: string;
  readonly now: number;
  /** the field that must be "true" */
  readonly usage: string;
}

export type TokenProblem = "unknown" | "wrong" | "expired" | "revoked" | "not for this use";

/** Why a presented token is not good; undefined if it is. */
export function problemOf(stored: Secret | undefined, { id, secret, now, usage }: Presented): TokenProblem | undefined {
  if (stored === undefined || stored.type !== TOKEN_SECRET_TYPE || field(stored, "token-id") !== id) return "unknown";
  const expected = field(stored, "token-secret");
  if (expected === undefined || expected === "" || !sameSecret(expected, secret)) return "wrong";
  if (stored.metadata.deletionTimestamp !== undefined) return "revoked";
  const expiration = field(stored, "expiration");
  if (expiration !== undefined && !(Date.parse(expiration) > now)) return "expired";
  return field(stored, usage) === "true" ? undefined : "not for this use";
}

export function field(secret: Secret, name: string): string | undefined {
  const text = secret.data?.[name];
  return text === undefined ? undefined : Buffer.from(text, "base64").toString("utf8");
}
