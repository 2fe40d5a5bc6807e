/** `lichen token`: join tokens are bootstrap token Secrets in kube-system, so kubectl sees them too. */
import { createHash, X509Certificate } from "node:crypto";
import { systemClock } from "../api/clock.ts";
import { systemEntropy } from "../api/entropy.ts";
import type { Secret } from "../api/types.gen.ts";
import { TOKEN_SECRET_TYPE, tokenSecretName } from "../auth/authn/bootstrap-token.ts";
import { joinTokenInfo, newJoinToken } from "../auth/authn/join-token.ts";
import { callApi } from "./api-request.ts";
import { type Access, readAccess } from "./kubeconfig.ts";

interface Flags {
  readonly dataDir: string;
  readonly kubeconfig?: string;
}

const SECRETS = "/api/v1/namespaces/kube-system/secrets";

const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** "90s", "30m", "24h", "7d" in milliseconds; "0" is for ever, undefined. */
export function parseTtl(text: string): number | undefined {
  if (text === "0") return undefined;
  const match = /^(\d+)([smhd])$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) throw new Error(`--ttl ${text}: expected a number with s, m, h or d (24h), or 0 for ever`);
  return Number(match[1]) * units[match[2] as keyof typeof units];
}

export async function createToken(flags: Flags & { readonly ttl: string; readonly site?: string }): Promise<void> {
  const token = await issueToken(readAccess(flags), { ttlMs: parseTtl(flags.ttl), site: flags.site });
  process.stdout.write(`${token}\n`);
}

/** Makes a token that pins the CA which the kubeconfig trusts. */
export async function issueToken(access: Access, { ttlMs, site }: { readonly ttlMs: number | undefined; readonly site: string | undefined }): Promise<string> {
  if (access.ca === undefined) throw new Error("the kubeconfig has no certificate authority, so a join token could not pin it");
  const caHash = publicKeyHash(access.ca);
  const { token, secret } = newJoinToken({ caHash, now: systemClock.now(), entropy: systemEntropy, ttlMs, site });
  await callApi(access, { method: "POST", path: SECRETS, body: secret });
  return token;
}

export async function listTokens(flags: Flags): Promise<void> {
  const path = `${SECRETS}?fieldSelector=${encodeURIComponent(`type=${TOKEN_SECRET_TYPE}`)}`;
  const { items } = await callApi<{ items: readonly Secret[] }>(readAccess(flags), { method: "GET", path });
  const rows = items.map(joinTokenInfo).filter((info) => info !== undefined);
  print(["ID", "EXPIRES", "SITE"]);
  for (const { id, expires, site } of rows) print([id, expires ?? "never", site ?? "<none>"]);
}

export async function revokeToken(id: string, flags: Flags): Promise<void> {
  if (!/^[a-z0-9]{6}$/.test(id)) throw new Error(`${id}: expected the six characters that \`lichen token list\` shows`);
  await callApi(readAccess(flags), { method: "DELETE", path: `${SECRETS}/${tokenSecretName(id)}` });
  process.stdout.write(`token ${id} revoked\n`);
}

/** What a join token pins: SHA-256 of the SubjectPublicKeyInfo, hex. */
function publicKeyHash(certificate: string): string {
  return createHash("sha256").update(new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" })).digest("hex");
}

const widths = [9, 23, 0];
const print = (row: readonly string[]) => process.stdout.write(`${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join("").trimEnd()}\n`);
