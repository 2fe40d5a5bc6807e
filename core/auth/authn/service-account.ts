/**
 * Service account tokens: JWTs signed ES256 with the cluster's token key, with the claims that Kubernetes gives them
 * (KEP-1205 bound tokens, KEP-4193 node and JTI claims).
 *
 * A signature costs a quarter of a millisecond to verify and is the same on every request, so verified claims are kept;
 * what can change (end, account, bound object) is looked at every time.
 */
import { createHash } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { SignJWT, decodeJwt, exportJWK, jwtVerify } from "jose";
import type { JWK, JWTPayload } from "jose";
import type { Clock } from "../../api/clock.ts";
import type { Entropy } from "../../api/entropy.ts";
import type { User } from "../../api/user.ts";
import { AUTHENTICATED, SERVICE_ACCOUNTS } from "../../api/user.ts";
import type { Authenticator } from "../auth.ts";
import { publicKeyOf } from "../pki/keys.ts";
import { digest } from "./secret-text.ts";
import { unauthorized } from "./unauthorized.ts";

/** Verified tokens that are kept: a few hundred bytes each; a fleet's pods and devices use one each at a time. */
const KEPT = 4_096;
/** Longer than any token of ours; what is longer is not looked at. */
const MAX_LENGTH = 8_192;
/** Seconds before the end of a kubelet-refreshed token at which Kubernetes warns (warnafter): one hour of life and 7 seconds. */
const WARN_AFTER_S = 3_607;

/** Seconds that a clock may have been ahead when a token was issued (go-jose's default leeway). */
const LEEWAY_S = 60;
/** Prefix of the extra fields that say which token it was. */
const EXTRA = "authentication.kubernetes.io";

/** uids of what a token is bound to, from memory; undefined if it is gone. */
export interface ServiceAccountLookup {
  serviceAccountUid(namespace: string, name: string): string | undefined;
  boundUid(kind: BoundKind, namespace: string, name: string): string | undefined;
}

export type BoundKind = "Pod" | "Secret" | "Node";

interface Named {
  readonly name: string;
  readonly uid: string;
}

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: Named;
  /** empty: the API's own audiences */
  readonly audiences?: readonly string[] | undefined;
  /** undefined: does not end by itself, allowed for a token bound to a Secret, which ends with the Secret */
  readonly ttlSeconds: number | undefined;
  readonly boundTo?: (Named & { readonly kind: BoundKind }) | undefined;
  /** the node of the pod that the token is bound to */
  readonly node?: Named | undefined;
  /** the ttl was lengthened for old clients that do not re-read their token */
  readonly extended?: boolean | undefined;
}

export interface IssuedToken {
  readonly token: string;
  /** milliseconds since 1970, Infinity for a token that does not end */
  readonly expires: number;
}

export interface ServiceAccountTokens {
  readonly issuer: string;
  issue(request: TokenRequest): Promise<IssuedToken>;
  /**
   * The user of a token and those of `audiences` (default: the API's own) that it is for; undefined if it is not a token
   * of this issuer. @throws ApiError Unauthorized
   */
  verify(token: string, audiences?: readonly string[]): Promise<{ readonly user: User; readonly audiences: readonly string[] } | undefined>;
  readonly authenticator: Authenticator;
  /** bodies of /.well-known/openid-configuration and /openid/v1/jwks */
  openidConfiguration(): unknown;
  jwks(): { readonly keys: readonly JWK[] };
}

export interface ServiceAccountTokensOptions {
  readonly issuer: string;
  /** base of the URL under which others read the keys; default: the issuer, if that is a URL */
  readonly externalUrl?: string | undefined;
  readonly key: KeyObject;
  readonly lookup: ServiceAccountLookup;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly audiences?: readonly string[] | undefined;
}

interface Claims {
  readonly namespace: string;
  readonly account: Named;
  readonly bound: readonly (Named & { readonly kind: BoundKind })[];
  readonly audiences: readonly string[];
  readonly id: string | undefined;
  readonly from: number;
  readonly until: number;
}

export async function serviceAccountTokens(options: ServiceAccountTokensOptions): Promise<ServiceAccountTokens> {
  const { issuer, key, lookup, clock, entropy } = options;
  const ownAudiences = options.audiences ?? [issuer];
  const publicKey = publicKeyOf(key);
  const keyId = createHash("sha256").update(publicKey.export({ type: "spki", format: "der" })).digest("base64url");
  const jwk: JWK = { ...(await exportJWK(publicKey)), use: "sig", alg: "ES256", kid: keyId };
  /** by digest of the token; the oldest first */
  const verified = new Map<string, Claims>();

  async function claimsOf(token: string): Promise<Claims> {
    const name = digest(token).toString("base64url");
    const known = verified.get(name);
    if (known !== undefined) return known;
    const claims = await checked(token);
    verified.set(name, claims);
    const oldest = verified.size > KEPT ? verified.keys().next().value : undefined;
    if (oldest !== undefined) verified.delete(oldest);
    return claims;
  }

  async function checked(token: string): Promise<Claims> {
    try {
      const { payload } = await jwtVerify(token, publicKey, { issuer, algorithms: ["ES256"], clockTolerance: LEEWAY_S, currentDate: new Date(clock.now()) });
      return parse(payload);
    } catch (cause) {
      throw unauthorized(`service account token: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }

  async function verify(token: string, audiences = ownAudiences) {
    if (!isOurs(token, issuer)) return undefined;
    const claims = await claimsOf(token);
    const now = clock.now();
    if (claims.until <= now || claims.from > now + LEEWAY_S * 1_000) throw unauthorized("service account token: not valid at this time");
    const common = audiences.filter((audience) => claims.audiences.includes(audience));
    if (common.length === 0) throw unauthorized("service account token: for another audience");
    if (lookup.serviceAccountUid(claims.namespace, claims.account.name) !== claims.account.uid) throw unauthorized("service account token: the account is gone");
    // With a pod, the node is a note about the pod, which is gone when its node is (KEP-4193).
    const bound = claims.bound.some(({ kind }) => kind === "Pod") ? claims.bound.filter(({ kind }) => kind !== "Node") : claims.bound;
    for (const { kind, name, uid } of bound) {
      if (lookup.boundUid(kind, claims.namespace, name) !== uid) throw unauthorized(`service account token: its ${kind} is gone`);
    }
    return { user: userOf(claims), audiences: common };
  }

  return {
    issuer,
    verify,
    async issue({ namespace, serviceAccount, audiences = [], ttlSeconds, boundTo, node, extended }) {
      if (ttlSeconds === undefined && boundTo?.kind !== "Secret") throw new Error("a token without an end must be bound to a Secret");
      const now = Math.floor(clock.now() / 1_000);
      const jwt = new SignJWT({
        "kubernetes.io": {
          namespace,
          serviceaccount: { name: serviceAccount.name, uid: serviceAccount.uid },
          ...(boundTo === undefined ? {} : { [boundTo.kind.toLowerCase()]: { name: boundTo.name, uid: boundTo.uid } }),
          ...(node === undefined ? {} : { node: { name: node.name, uid: node.uid } }),
          ...(extended === true ? { warnafter: now + WARN_AFTER_S } : {}),
        },
      })
        .setProtectedHeader({ alg: "ES256", kid: keyId })
        .setIssuer(issuer)
        .setSubject(`system:serviceaccount:${namespace}:${serviceAccount.name}`)
        .setAudience([...(audiences.length === 0 ? ownAudiences : audiences)])
        .setIssuedAt(now)
        .setNotBefore(now)
        .setJti(entropy.uid());
      if (ttlSeconds !== undefined) jwt.setExpirationTime(now + ttlSeconds);
      return { token: await jwt.sign(key), expires: ttlSeconds === undefined ? Infinity : (now + ttlSeconds) * 1_000 };
    },
    authenticator: async ({ bearer }) => (bearer === undefined ? undefined : (await verify(bearer))?.user),
    openidConfiguration: () => ({
      issuer,
      jwks_uri: `${options.externalUrl ?? issuer}/openid/v1/jwks`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["ES256"],
    }),
    jwks: () => ({ keys: [jwk] }),
  };
}

/** Another authenticator's token is told by its issuer, without trusting it. */
function isOurs(token: string, issuer: string): boolean {
  if (token.length > MAX_LENGTH || token.split(".").length !== 3) return false;
  try {
    return decodeJwt(token).iss === issuer;
  } catch {
    return false;
  }
}

function parse(payload: JWTPayload): Claims {
  const own = payload["kubernetes.io"] as { readonly [claim: string]: unknown } | undefined;
  const account = named(own?.["serviceaccount"]);
  const namespace = own?.["namespace"];
  if (account === undefined || typeof namespace !== "string") throw new Error("no service account in its claims");
  if (payload.sub !== `system:serviceaccount:${namespace}:${account.name}`) throw new Error("subject and claims differ");
  const bound = (["Pod", "Secret", "Node"] as const).flatMap((kind) => {
    const object = named(own?.[kind.toLowerCase()]);
    return object === undefined ? [] : [{ kind, ...object }];
  });
  if (payload.exp === undefined && !bound.some(({ kind }) => kind === "Secret")) throw new Error("no end, and not bound to a Secret");
  return {
    namespace,
    account,
    bound,
    audiences: [payload.aud ?? []].flat(),
    id: payload.jti,
    from: (payload.nbf ?? 0) * 1_000,
    until: (payload.exp ?? Infinity) * 1_000,
  };
}

function named(claim: unknown): Named | undefined {
  if (typeof claim !== "object" || claim === null) return undefined;
  const { name, uid } = claim as Partial<Named>;
  return typeof name === "string" && typeof uid === "string" ? { name, uid } : undefined;
}

function userOf({ namespace, account, bound, id }: Claims): User {
  const extra: Record<string, readonly string[]> = {};
  if (id !== undefined) extra[`${EXTRA}/credential-id`] = [`JTI=${id}`];
  for (const { kind, name, uid } of bound) {
    if (kind === "Secret") continue;
    extra[`${EXTRA}/${kind.toLowerCase()}-name`] = [name];
    extra[`${EXTRA}/${kind.toLowerCase()}-uid`] = [uid];
  }
  return {
    name: `system:serviceaccount:${namespace}:${account.name}`,
    uid: account.uid,
    groups: [SERVICE_ACCOUNTS, `${SERVICE_ACCOUNTS}:${namespace}`, AUTHENTICATED],
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
