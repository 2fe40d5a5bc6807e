/**
 * Client certificates: common name → user, organizations → groups. TLS verified the chain and the usage when the
 * connection began; a connection can outlive its certificate, so the end is looked at on every request.
 */
import { createHash, X509Certificate } from "node:crypto";
import type { Clock } from "../../api/clock.ts";
import type { User } from "../../api/user.ts";
import { AUTHENTICATED, NODES } from "../../api/user.ts";
import type { Authenticator } from "../auth.ts";
import { unauthorized } from "./unauthorized.ts";

const NODE_USER = "system:node:";
/** which certificate a request came with, for audits and for who asks who they are (KEP-4193) */
const CREDENTIAL_ID = "authentication.kubernetes.io/credential-id";

export interface CertificateOptions {
  readonly clock: Clock;
  /** serial number in upper-case hex and common name of a certificate that must no longer be accepted */
  readonly revoked?: (serial: string, commonName: string) => boolean;
}

interface Known {
  readonly user: User;
  readonly commonName: string;
  readonly serial: string;
  readonly notAfter: number;
}

export function certificateAuthenticator({ clock, revoked = () => false }: CertificateOptions): Authenticator {
  // The HTTP layer hands in the same bytes for all requests of a connection.
  const parsed = new WeakMap<Uint8Array, Known>();
  return async ({ certificate }) => {
    if (certificate === undefined) return undefined;
    let known = parsed.get(certificate);
    if (known === undefined) {
      known = parse(certificate);
      parsed.set(certificate, known);
    }
    if (known.notAfter < clock.now()) throw unauthorized("the client certificate has expired");
    if (revoked(known.serial, known.commonName)) throw unauthorized("the client certificate is revoked");
    return known.user;
  };
}

function parse(der: Uint8Array): Known {
  const certificate = new X509Certificate(der);
  const subject = certificate.toLegacyObject().subject as unknown as Readonly<Record<string, string | readonly string[]>>;
  const [name, ...rest] = values(subject["CN"]);
  if (name === undefined || name === "" || rest.length > 0) throw unauthorized("the client certificate has no common name, or several");
  const groups = values(subject["O"]);
  return {
    user: {
      name: userName(name, groups),
      groups: [...groups.filter((group) => group !== AUTHENTICATED), AUTHENTICATED],
      extra: { [CREDENTIAL_ID]: [`X509SHA256=${createHash("sha256").update(der).digest("hex")}`] },
    },
    commonName: name,
    serial: certificate.serialNumber,
    notAfter: certificate.validToDate.getTime(),
  };
}

/** The common name of a device is its MQTT client id, the bare name of its node. */
function userName(commonName: string, groups: readonly string[]): string {
  return groups.includes(NODES) && !commonName.startsWith(NODE_USER) ? NODE_USER + commonName : commonName;
}

function values(field: string | readonly string[] | undefined): readonly string[] {
  if (field === undefined) return [];
  return typeof field === "string" ? [field] : field;
}
