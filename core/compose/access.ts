/** The parts of authentication, authorization, flow control and audit that the operator asks for, from files and flags. */
import { readFileSync } from "node:fs";
import type { AccessConfig } from "../access-config.ts";
import type { Clock } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import { FLOW_SCHEMAS, PRIORITY_LEVEL_CONFIGURATIONS } from "../api/resources.gen.ts";
import type { User } from "../api/user.ts";
import type { Authenticator, Authorizer } from "../auth/auth.ts";
import { certificateAuthenticator } from "../auth/authn/certificate.ts";
import { oidcAuthenticator } from "../auth/authn/oidc.ts";
import { requestHeaderAuthenticator } from "../auth/authn/request-header.ts";
import { staticTokenAuthenticator } from "../auth/authn/static-tokens.ts";
import { webhookAuthenticator } from "../auth/authn/webhook.ts";
import { webhookAuthorizer } from "../auth/authz/webhook.ts";
import type { Informers } from "../control/control.ts";
import type { Audit } from "../http/audit/audit.ts";
import { openAudit } from "../http/audit/audit.ts";
import { openLogFile } from "../http/audit/log-file.ts";
import { parsePolicy } from "../http/audit/policy.ts";
import { openFairness } from "../http/fairness/fairness.ts";
import { inFlightLimit } from "../http/fairness/in-flight.ts";
import type { RequestLimit } from "../http/fairness/limit.ts";
import { webhookTarget } from "./webhook-target.ts";
import { tlsFetch } from "./tls-fetch.ts";

interface Parts {
  readonly clock: Clock;
  readonly log: Log;
}

export interface OutsideAuthenticators {
  /** asked before the server's own */
  readonly first: readonly Authenticator[];
  /** asked for what the server's own do not know */
  readonly last: readonly Authenticator[];
}

/** @throws Error that names the file */
export function outsideAuthenticators({ proxies, tokenFile, oidc, tokenWebhook }: AccessConfig, { clock }: Parts): OutsideAuthenticators {
  const first: Authenticator[] = [];
  const last: Authenticator[] = [];
  if (proxies.length > 0) first.push(requestHeaderAuthenticator({ proxies, certificate: certificateAuthenticator({ clock }) }));
  if (tokenFile !== undefined) last.push(staticTokenAuthenticator(parseTokens(readText("--token-auth-file", tokenFile))));
  if (oidc !== undefined) {
    const { caFile, ...options } = oidc;
    last.push(oidcAuthenticator({ ...options, clock, ...(caFile === undefined ? {} : { fetch: tlsFetch({ ca: readText("--oidc-ca-file", caFile) }) }) }));
  }
  if (tokenWebhook !== undefined) {
    last.push(webhookAuthenticator({ ...webhookTarget(readText("--authentication-token-webhook-config-file", tokenWebhook), readFile), clock }));
  }
  return { first, last };
}

export function outsideAuthorizer({ authorizationWebhook }: AccessConfig, { clock, log }: Parts): Authorizer | undefined {
  if (authorizationWebhook === undefined) return undefined;
  return webhookAuthorizer({ ...webhookTarget(readText("--authorization-webhook-config-file", authorizationWebhook), readFile), clock, log });
}

export function requestLimit({ limits }: AccessConfig, { informers, clock }: { readonly informers: Informers; readonly clock: Clock }): RequestLimit {
  if (!limits.fairness || limits.reads + limits.writes === 0) return inFlightLimit(limits);
  const schemas = informers.of(FLOW_SCHEMAS);
  const levels = informers.of(PRIORITY_LEVEL_CONFIGURATIONS);
  const fairness = openFairness({ clock, seats: limits.reads + limits.writes, schemas: () => schemas.list(), levels: () => levels.list() });
  schemas.subscribe(fairness.refresh);
  levels.subscribe(fairness.refresh);
  return fairness;
}

/** The second value ends the log. */
export function auditOf({ audit }: AccessConfig, { clock, log }: Parts): { readonly audit: Audit; close(): Promise<void> } | undefined {
  if (audit === undefined) return undefined;
  const policy = parsePolicy(readText("--audit-policy-file", audit.policyFile));
  const file = openLogFile({ path: audit.logPath, maxBytes: audit.maxBytes, maxBackups: audit.maxBackups, clock, log: log.child({ part: "audit" }) });
  return { audit: openAudit({ policy, write: file.write, clock }), close: file.close };
}

const readFile = (path: string) => readFileSync(path, "utf8");

function readText(flag: string, path: string): string {
  try {
    return readFile(path);
  } catch (error) {
    throw new Error(`${flag} ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** token,user,uid and optionally "group,group" in each line. @throws Error that names the line, never the token */
export function parseTokens(text: string): readonly (readonly [token: string, user: User])[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    if (line.trim() === "") return [];
    const cells = [...line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => (quoted?.replaceAll('""', '"') ?? plain ?? "").trim());
    const [token = "", name = "", uid = "", groups = ""] = cells;
    if (token === "" || name === "" || cells.length < 3) throw new Error(`--token-auth-file: line ${index + 1}: expected token,user,uid and optionally "group,group"`);
    const user: User = { name, ...(uid === "" ? {} : { uid }), groups: groups.split(",").map((group) => group.trim()).filter((group) => group !== "") };
    return [[token, user] as const];
  });
}
