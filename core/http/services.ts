/** What the HTTP server is made of: everything is handed in by the composition root, nothing is looked up. */
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { KindTable } from "../api/kinds.ts";
import type { Log } from "../api/log.ts";
import type { DeviceStreams } from "../api/streams.ts";
import type { DeviceUsages } from "../api/usage.ts";
import type { User } from "../api/user.ts";
import type { Authenticator, Authorizer } from "../auth/auth.ts";
import type { Audit } from "./audit/audit.ts";
import type { RequestLimit } from "./fairness/limit.ts";
import type { Sample } from "./request-metrics.ts";

export interface HttpServices {
  readonly kinds: KindTable;
  readonly clientFor: (user: User) => Client;
  readonly authenticate: Authenticator;
  /** false: who presents no credentials is refused, except by mounts, which decide themselves, and by health checks */
  readonly anonymous?: boolean | undefined;
  /** for non-resource URLs, impersonation and streams; resources are authorized by the Client */
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  /** undefined: logs, exec, attach and port-forward answer 503 */
  readonly streams?: DeviceStreams | undefined;
  /** undefined: metrics.k8s.io has no figures */
  readonly usages?: DeviceUsages | undefined;
  /** more figures for /metrics than those of requests */
  readonly samples?: (() => Iterable<Sample>) | undefined;
  /** undefined: as many requests at once as come */
  readonly limit?: RequestLimit | undefined;
  readonly audit?: Audit | undefined;
  /** bodies may be CBOR (KEP-4222, not yet on by default in Kubernetes) */
  readonly cbor?: boolean | undefined;
  /** OpenID discovery of the service account issuer */
  readonly openid?: { readonly configuration: () => unknown; readonly jwks: () => unknown } | undefined;
  readonly checks?: readonly HealthCheck[] | undefined;
  readonly mounts?: readonly Mount[] | undefined;
  /** who answers for a group version that another server serves; undefined: this one */
  readonly delegate?: ((group: string, version: string) => Mount["handler"] | undefined) | undefined;
}

export interface HealthCheck {
  readonly name: string;
  /** false: asked by /readyz only, a server that fails it is alive but must not get requests */
  readonly live: boolean;
  /** throws, or rejects, when it fails; the message is shown to those who may see it */
  readonly check: () => Promise<void> | void;
}

/** Another part of the server under a path of its own. It authorizes its requests itself. */
export interface Mount {
  /** "/v2/", with both slashes */
  readonly prefix: string;
  readonly handler: (request: Request, user: User) => Promise<Response>;
}
