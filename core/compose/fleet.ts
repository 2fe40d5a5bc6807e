/** The device side of a server: enrollment, broker, hub and streams over the certificates of the cluster. */
import type { Clock } from "../api/clock.ts";
import type { Client } from "../api/client.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import type { Lookup } from "../admission/lookup.ts";
import { NODES, SECRETS } from "../api/resources.gen.ts";
import { component, type User } from "../api/user.ts";
import { TOKEN_NAMESPACE } from "../auth/authn/bootstrap-token.ts";
import type { Pki } from "../auth/pki/pki.ts";
import type { Informers } from "../control/control.ts";
import type { Mount } from "../http/services.ts";
import { embeddedBroker } from "../hub/broker.ts";
import { type Hub, startHub } from "../hub/hub.ts";
import type { Closing } from "./closing.ts";
import { enrollmentOf } from "./enrollment.ts";

export interface FleetParts {
  readonly host: string;
  readonly port: number;
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
}

export async function fleet(parts: FleetParts, open: Closing): Promise<Fleet> {
  const { pki, serving, log, host, port, informers } = parts;
  const enrollment = enrollmentOf({
    ...parts,
    client: parts.clientFor(component("lichen:enrollment")),
    secret: (name) => parts.lookup.get(SECRETS, TOKEN_NAMESPACE, name),
    // a device reaches the broker under the name under which it reached the API
    mqttUrls: (request) => [`mqtts://${new URL(request.url).hostname}:${broker.port}`],
    log: log.child({ part: "enrollment" }),
  });
  const broker = await embeddedBroker({
    host,
    port,
    tls: { ca: pki.caCertificate, cert: serving.certificate, key: serving.key },
    refuse: enrollment.refuse,
    log: log.child({ part: "broker" }),
  });
  open.add("broker", () => broker.close());
  informers.of(NODES).subscribe((now, old) => {
    if (now !== undefined || old?.metadata.name === undefined) return;
    enrollment.forget(old.metadata.name).catch((error: unknown) => log.warn({ error, node: old.metadata.name }, "the keys of a deleted node could not be removed"));
  });
  const hub = await startHub({
    ...parts,
    control: broker.control,
    streams: broker.streams,
    renew: enrollment.renew,
    log: log.child({ part: "hub" }),
  });
  return { hub, mounts: ["ca", "enroll", "renew"].map((page) => ({ prefix: `/lichen/v1/${page}/`, handler: enrollment.handle })) };
}
