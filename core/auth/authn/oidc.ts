/**
 * ID tokens of an OpenID Connect provider (OpenID Connect Core 1.0 §2, §3.1.3.7). The provider's keys are read from its
 * discovery document when the first token comes, and again when a token names a key that is not known.
 */
import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from "jose";
import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from "jose";
import type { Clock } from "../../api/clock.ts";
import type { User } from "../../api/user.ts";
import { AUTHENTICATED } from "../../api/user.ts";
import type { Fetch } from "../ask-json.ts";
import { askJson, fieldOf, stringsOf } from "../ask-json.ts";
import type { Authenticator } from "../auth.ts";
import { unauthorized } from "./unauthorized.ts";

/** Least time between two readings of the keys: anyone can send tokens with unknown key ids. */
const KEYS_PAUSE_MS = 30_000;
/** Names of Kubernetes' own users and groups; no provider may give them. */
const RESERVED = "system:";
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

export interface OidcOptions {
  /** https URL, exactly as in the tokens' `iss` */
  readonly issuer: string;
  /** one of them must be in the tokens' `aud` */
  readonly clientIds: readonly string[];
  /** default: sub */
  readonly usernameClaim?: string | undefined;
  /** default: "<issuer>#", and nothing for the claim email */
  readonly usernamePrefix?: string | undefined;
  readonly groupsClaim?: string | undefined;
  readonly groupsPrefix?: string | undefined;
  /** claims that must have these values */
  readonly required?: Readonly<Record<string, string>> | undefined;
  readonly fetch?: Fetch | undefined;
  readonly clock: Clock;
}

export function oidcAuthenticator(options: OidcOptions): Authenticator {
  const { issuer, clientIds, clock } = options;
  if (!issuer.startsWith("https://")) throw new Error(`OpenID issuer ${issuer}: expected an https URL`);
  const keys = providerKeys(issuer, options.fetch ?? fetch, clock);
  return async ({ bearer }) => {
    if (bearer === undefined || issuerOf(bearer) !== issuer) return undefined;
    try {
      const check = { issuer, audience: [...clientIds], algorithms: ALGORITHMS, currentDate: new Date(clock.now()), requiredClaims: ["exp"] };
      const { payload } = await jwtVerify(bearer, keys, check);
      return userOf(payload, options);
    } catch (cause) {
      throw unauthorized(`OpenID token: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  };
}

/** The keys of the provider; unknown key ids make it read them again, not too often. */
function providerKeys(issuer: string, fetch: Fetch, clock: Clock): JWTVerifyGetKey {
  let known: Promise<JWTVerifyGetKey> | undefined;
  let readAt = -Infinity;

  function read(): Promise<JWTVerifyGetKey> {
    readAt = clock.monotonic();
    const reading = readKeys(issuer, fetch);
    reading.catch(() => {
      if (known === reading) known = undefined;
    });
    return (known = reading);
  }

  const mayRead = () => clock.monotonic() - readAt >= KEYS_PAUSE_MS;

  return async (header, token) => {
    if (known === undefined && !mayRead()) throw new Error("the provider's keys could not be read; trying again soon");
    const keys = await (known ?? read());
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !mayRead()) throw error;
      return (await read())(header, token);
    }
  };
}

async function readKeys(issuer: string, fetch: Fetch): Promise<JWTVerifyGetKey> {
  const discovery = await askJson(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, { fetch });
  if (fieldOf(discovery, "issuer") !== issuer) throw new Error(`the provider calls itself ${String(fieldOf(discovery, "issuer"))}, not ${issuer}`);
  const url = fieldOf(discovery, "jwks_uri");
  if (typeof url !== "string" || !url.startsWith("https://")) throw new Error("the provider's discovery document has no https jwks_uri");
  const keys = await askJson(url, { fetch });
  if (!Array.isArray(fieldOf(keys, "keys"))) throw new Error("the provider's jwks_uri holds no key set");
  return createLocalJWKSet(keys as JSONWebKeySet);
}

function userOf(claims: JWTPayload, options: OidcOptions): User {
  const { usernameClaim = "sub", groupsClaim, groupsPrefix = "", required = {} } = options;
  for (const [name, value] of Object.entries(required)) if (claims[name] !== value) throw new Error(`claim ${name} is not what is required`);
  const username = claims[usernameClaim];
  if (typeof username !== "string" || username === "") throw new Error(`no text in claim ${usernameClaim}`);
  // OpenID Connect Core 1.0 §5.1: an address that the provider did not verify may be somebody else's.
  if (usernameClaim === "email" && claims["email_verified"] !== undefined && claims["email_verified"] !== true) throw new Error("the e-mail address is not verified");
  const prefix = options.usernamePrefix ?? (usernameClaim === "email" ? "" : `${options.issuer}#`);
  const groups = groupsClaim === undefined ? [] : stringsOf(claims[groupsClaim]).map((group) => groupsPrefix + group);
  if ([prefix + username, ...groups].some((name) => name.startsWith(RESERVED))) throw new Error(`a name begins with ${RESERVED}; set a prefix`);
  return { name: prefix + username, groups: [...groups, AUTHENTICATED] };
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}
