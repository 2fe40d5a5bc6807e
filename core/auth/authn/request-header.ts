/**
 * A proxy in front that has authenticated the user itself (Kubernetes documentation, "Authenticating Proxy"): it shows a
 * client certificate whose common name is listed here and says who the user is in headers. Off unless names are listed,
 * because whoever holds such a certificate is everybody.
 */
import { AUTHENTICATED, MASTERS } from "../../api/user.ts";
import type { Authenticator } from "../auth.ts";
import { unauthorized } from "./unauthorized.ts";

export interface RequestHeaderOptions {
  /** common names of proxies; the certificate itself was verified by TLS */
  readonly proxies: readonly string[];
  /** who a client certificate is: see certificateAuthenticator */
  readonly certificate: Authenticator;
}

/** Comes before the authenticator of certificates, which would take the proxy for the user. */
export function requestHeaderAuthenticator({ proxies, certificate }: RequestHeaderOptions): Authenticator {
  const trusted = new Set(proxies);
  return async (credentials) => {
    const name = credentials.headers("x-remote-user");
    if (name === undefined || name === "" || credentials.certificate === undefined) return undefined;
    const proxy = await certificate(credentials);
    if (proxy === undefined || !trusted.has(proxy.name)) return undefined;
    const uid = credentials.headers("x-remote-uid");
    // Node joins repeated headers with ", "; a group cannot contain a comma here.
    const groups = (credentials.headers("x-remote-group") ?? "").split(",").flatMap((group) => (group.trim() === "" ? [] : [group.trim()]));
    if (groups.includes(MASTERS)) throw unauthorized(`proxy ${proxy.name} named the group ${MASTERS}`);
    return { name, ...(uid === undefined || uid === "" ? {} : { uid }), groups: [...new Set([...groups, AUTHENTICATED])] };
  };
}
