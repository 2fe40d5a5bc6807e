/**
 * Join tokens, which enrol devices: `<hash>.<id>.<secret>`.
 *
 *     hash    64 hex digits: SHA-256 of the SubjectPublicKeyInfo of the cluster CA. The device compares it with the CA that
 *             the server shows, before it sends the secret: nobody in between can take it.
 *     id      6 characters a-z 0-9, public: names the Secret that holds the rest
 *     secret  16 characters a-z 0-9
 *
 * The Secret is a bootstrap token with fields of ours, so kubectl lists, shows and deletes (revokes) join tokens:
 * `usage-lichen-enrollment` "true", `site` (a label for the devices it enrols), `uses-left`.
 */
import type { Entropy } from "../../api/entropy.ts";
import { timestamp } from "../../api/clock.ts";
import { ApiError } from "../../api/status.ts";
import type { Secret } from "../../api/types.gen.ts";
import type { TokenProblem } from "./bootstrap-token.ts";
import { TOKEN_NAMESPACE, TOKEN_SECRET_TYPE, field, problemOf, tokenSecretName } from "./bootstrap-token.ts";
import { randomText } from "./secret-text.ts";

const USAGE = "usage-lichen-enrollment";
const format = /^([0-9a-f]{64})\.([a-z0-9]{6})\.([a-z0-9]{16})$/;

export interface JoinToken {
  readonly caHash: string;
  readonly id: string;
  readonly secret: string;
}

export interface NewJoinToken {
  readonly caHash: string;
  readonly now: number;
  readonly entropy: Entropy;
  /** undefined: does not expire */
  readonly ttlMs?: number | undefined;
  /** devices it may enrol; undefined: any number */
  readonly uses?: number | undefined;
  readonly site?: string | undefined;
  readonly description?: string | undefined;
}

/** The token to hand out, and the Secret to create. */
export function newJoinToken({ caHash, now, entropy, ttlMs, uses, site, description }: NewJoinToken): { readonly token: string; readonly secret: Secret } {
  const id = randomText(6, entropy);
  const secret = randomText(16, entropy);
  const fields: Readonly<Record<string, string | undefined>> = {
    "token-id": id,
    "token-secret": secret,
    [USAGE]: "true",
    expiration: ttlMs === undefined ? undefined : timestamp(now + ttlMs),
    "uses-left": uses?.toString(),
    site,
    description,
  };
  const data = Object.entries(fields).flatMap(([name, text]) => (text === undefined ? [] : [[name, encoded(text)] as const]));
  return {
    token: `${caHash}.${id}.${secret}`,
    secret: {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: tokenSecretName(id), namespace: TOKEN_NAMESPACE },
      type: TOKEN_SECRET_TYPE,
      data: Object.fromEntries(data),
    },
  };
}

export function parseJoinToken(text: string): JoinToken | undefined {
  const [, caHash, id, secret] = format.exec(text.trim()) ?? [];
  return caHash === undefined || id === undefined || secret === undefined ? undefined : { caHash, id, secret };
}

export type JoinProblem = TokenProblem | "malformed" | "of another cluster" | "used up";

export type JoinDecision =
  | {
      readonly accepted: true;
      readonly id: string;
      readonly site: string | undefined;
      /** to be written before the device gets anything, so that two devices cannot share the last use; undefined: unlimited */
      readonly spent: Secret | undefined;
    }
  /** the problem is for the log; the device is told `joinRefused()` whatever it is */
  | { readonly accepted: false; readonly problem: JoinProblem };

/** @param lookup the Secret with a name in kube-system */
export function checkJoinToken(text: string, lookup: (name: string) => Secret | undefined, caHash: string, now: number): JoinDecision {
  const token = parseJoinToken(text);
  if (token === undefined) return { accepted: false, problem: "malformed" };
  if (token.caHash !== caHash) return { accepted: false, problem: "of another cluster" };
  const stored = lookup(tokenSecretName(token.id));
  const problem = problemOf(stored, { ...token, now, usage: USAGE });
  if (problem !== undefined || stored === undefined) return { accepted: false, problem: problem ?? "unknown" };
  const left = field(stored, "uses-left");
  if (left !== undefined && !(Number(left) >= 1)) return { accepted: false, problem: "used up" };
  const spent = left === undefined ? undefined : { ...stored, data: { ...stored.data, "uses-left": encoded(`${Number(left) - 1}`) } };
  return { accepted: true, id: token.id, site: field(stored, "site"), spent };
}

/** The one answer to every join token that is not good: it does not help to guess. */
export function joinRefused(): ApiError {
  return new ApiError("Unauthorized", "the join token is not accepted; ask for one with: lichen token create");
}

/** What may be shown of a join token: everything but its secret. */
export interface JoinTokenInfo {
  readonly id: string;
  readonly site: string | undefined;
  readonly description: string | undefined;
  readonly expires: string | undefined;
  readonly usesLeft: number | undefined;
}

/** undefined: not a join token */
export function joinTokenInfo(secret: Secret): JoinTokenInfo | undefined {
  const id = field(secret, "token-id");
  if (secret.type !== TOKEN_SECRET_TYPE || field(secret, USAGE) !== "true" || id === undefined) return undefined;
  const left = field(secret, "uses-left");
  return {
    id,
    site: field(secret, "site"),
    description: field(secret, "description"),
    expires: field(secret, "expiration"),
    usesLeft: left === undefined ? undefined : Number(left),
  };
}

const encoded = (text: string) => Buffer.from(text, "utf8").toString("base64");
