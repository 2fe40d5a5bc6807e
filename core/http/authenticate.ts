/** Request → user. Credentials that are presented and not good are refused; a request without any is anonymous. */
import type { TLSSocket } from "node:tls";
import { ApiError } from "../api/status.ts";
import { anonymous } from "../api/user.ts";
import type { User } from "../api/user.ts";
import type { Authenticator } from "../auth/auth.ts";

export interface Presented {
  readonly header: (name: string) => string | undefined;
  readonly socket: TLSSocket | undefined;
  /** a token from somewhere else than the Authorization header (WebSocket subprotocol) */
  readonly bearer?: string | undefined;
}

export async function whoIs(presented: Presented, authenticate: Authenticator): Promise<User> {
  const certificate = peerCertificate(presented.socket);
  const bearer = bearerToken(presented.header("authorization")) ?? presented.bearer;
  const user = await authenticate({
    certificate: certificate?.trusted === true ? certificate.der : undefined,
    bearer,
    headers: presented.header,
  });
  if (user !== undefined) return user;
  if (bearer !== undefined || certificate !== undefined) throw unauthorized();
  return anonymous;
}

export function unauthorized(): ApiError {
  return new ApiError("Unauthorized", "Unauthorized");
}

function bearerToken(header: string | undefined): string | undefined {
  const match = /^bearer +(\S+) *$/i.exec(header ?? "");
  return match?.[1];
}

interface PeerCertificate {
  readonly der: Uint8Array;
  readonly trusted: boolean;
}

/** One handshake, many requests: the certificate is taken from TLS once per connection. */
const known = new WeakMap<TLSSocket, PeerCertificate | "none">();

function peerCertificate(socket: TLSSocket | undefined): PeerCertificate | undefined {
  if (socket === undefined) return undefined;
  let found = known.get(socket);
  if (found === undefined) {
    const certificate = socket.getPeerX509Certificate();
    found = certificate === undefined ? "none" : { der: certificate.raw, trusted: socket.authorized };
    known.set(socket, found);
  }
  return found === "none" ? undefined : found;
}
