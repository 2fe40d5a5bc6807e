/** The device side of a server: enrollment, broker, hub and streams over the certificates of the cluster. */
import type { Clock } from "../api/clock.ts";
import type { Client } from "../api/client.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import type { Lookup } from "../admission/lookup.ts";
import { SECRETS } from "../api/resources.gen.ts";
import { component, type User } from "../api/user.ts";
import { TOKEN_NAMESPACE } from "../auth/authn/bootstrap-token.ts";
import type { Pki } from "../auth/pki/pki.ts";
import type { Informers } from "../control/control.ts";
import type { Mount } from "../http/services.ts";
import { type Hub, startHub } from "../hub/hub.ts";
import { type HubLinks, hubLinks } from "../hub/links.ts";
import type { Closing } from "./closing.ts";
import type { Enrollment } from "../hub/enrollment.ts";
import { enrollmentOf } from "./enrollment.ts";

export interface FleetParts {
  readonly host: string;
  readonly port: number;
  /** URL of an external broker, in place of the embedded one */
  readonly broker: string | undefined;
  /** where the pods of all nodes have their addresses */
  readonly clusterCidr: string;
  readonly serving: { readonly certificate: string; readonly key: string };
  readonly pki: Pki;
  readonly clientFor: (user: User) => Client;
  readonly lookup: Lookup;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Fleet {
  readonly hub: Hub;
  readonly mounts: readonly Mount[];
  /** shows another certificate from now on */
  renew(serving: FleetParts["serving"]): void;
}

/** Common name of the server's certificate at an external broker, whose rules give it all topics. */
const BROKER_USER = "server";
const BROKER_TTL_MS = 365 * 86_400_000;

export async function fleet(parts: FleetParts, open: Closing): Promise<Fleet> {
  const { pki, log, informers } = parts;
  const enrollment = enrollmentOf({
    ...parts,
    client: parts.clientFor(component("lichen:enrollment")),
    secret: (name) => parts.lookup.get(SECRETS, TOKEN_NAMESPACE, name),
    // a device reaches the embedded broker under the name under which it reached the API
    mqttUrls: (request) => (parts.broker === undefined ? [`mqtts://${new URL(request.url).hostname}:${links.port}`] : parts.broker.split(",")),
    log: log.child({ part: "enrollment" }),
  });
  const links = await brokerOf(parts, enrollment.refuse);
  open.add("broker", () => links.close());
  const hub = await startHub({
    ...parts,
    informers,
    control: links.control,
    streams: links.streams,
    renew: enrollment.renew,
    forget: enrollment.forget,
    log: log.child({ part: "hub" }),
  });
  return {
    hub,
    mounts: ["ca", "enroll", "renew"].map((page) => ({ prefix: `/lichen/v1/${page}/`, handler: enrollment.handle })),
    renew: ({ certificate, key }) => links.renew?.({ ca: pki.caCertificate, cert: certificate, key }),
  };
}

async function brokerOf({ broker, host, port, pki, serving, clock, entropy, log: parent }: FleetParts, refuse: Enrollment["refuse"]): Promise<HubLinks> {
  const log = parent.child({ part: "broker" });
  const ca = pki.caCertificate;
  if (broker === undefined) return hubLinks({ embedded: { host, port, tls: { ca, cert: serving.certificate, key: serving.key }, refuse, log } });
  const { certificate, key } = await pki.issueClient({ commonName: BROKER_USER, ttlMs: BROKER_TTL_MS });
  return hubLinks({ external: { url: broker, tls: () => ({ ca, cert: certificate, key }), clientId: BROKER_USER, clock, entropy, log } });
}
