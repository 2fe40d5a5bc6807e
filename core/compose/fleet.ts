/** The device side of a server: enrollment, broker, hub and streams over the certificates of the cluster. */
import type { Clock } from "../api/clock.ts";
import type { Client } from "../api/client.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import type { Lookup } from "../admission/lookup.ts";
import { SECRETS } from "../api/resources.gen.ts";
import { ApiError } from "../api/status.ts";
import type { DeviceStreams } from "../api/streams.ts";
import { component, type User } from "../api/user.ts";
import { TOKEN_NAMESPACE } from "../auth/authn/bootstrap-token.ts";
import type { Pki } from "../auth/pki/pki.ts";
import type { SharedInformers } from "../control/informers.ts";
import { informersUntil } from "../control/informers-until.ts";
import type { Mount } from "../http/services.ts";
import { type Hub, startHub } from "../hub/hub.ts";
import { type HubLinks, hubLinks } from "../hub/links.ts";
import type { Enrollment } from "../hub/enrollment.ts";
import { enrollmentOf } from "./enrollment.ts";
import type { Leading } from "./leadership.ts";

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
  readonly informers: SharedInformers;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface Fleet {
  /** of the hub, or refused while another server leads */
  readonly streams: DeviceStreams;
  /** undefined while another server leads */
  hub(): Pick<Hub, "counters"> | undefined;
  readonly mounts: readonly Mount[];
  /** shows another certificate from now on */
  renew(serving: FleetParts["serving"]): void;
  /** lets devices in and acts on them; resolves with what ends it */
  lead(leading: Leading): Promise<() => Promise<void>>;
}

/** Common name of the server's certificate at an external broker, whose rules give it all topics. */
const BROKER_USER = "server";
/** Renewed together with the serving certificate, which lives longer and is renewed with a third left: always in time. */
const BROKER_TTL_MS = 365 * 86_400_000;

export function fleet(parts: FleetParts): Fleet {
  const { pki, log, informers } = parts;
  let { serving } = parts;
  let links: HubLinks | undefined;
  let hub: Hub | undefined;
  const enrollment = enrollmentOf({
    ...parts,
    client: parts.clientFor(component("lichen:enrollment")),
    secret: (name) => parts.lookup.get(SECRETS, TOKEN_NAMESPACE, name),
    // a device reaches the embedded broker under the name under which it reached the API
    mqttUrls: (request) => (parts.broker === undefined ? [`mqtts://${new URL(request.url).hostname}:${links?.port ?? parts.port}`] : parts.broker.split(",")),
    log: log.child({ part: "enrollment" }),
  });
  return {
    hub: () => hub,
    streams: {
      async open(node, request, signal) {
        if (hub === undefined) throw new ApiError("ServiceUnavailable", `another server leads: it has the connections to devices, ask it for ${node}`);
        return await hub.streams.open(node, request, signal);
      },
    },
    mounts: ["ca", "enroll", "renew"].map((page) => ({ prefix: `/lichen/v1/${page}/`, handler: enrollment.handle })),
    renew(next) {
      serving = next;
      links?.renew?.({ ca: pki.caCertificate, cert: next.certificate, key: next.key });
    },
    async lead({ signal, clientFor }) {
      const opened = await brokerOf({ ...parts, serving }, enrollment.refuse);
      links = opened;
      hub = await startHub({
        ...parts,
        clientFor,
        signal,
        informers: informersUntil(signal, informers),
        control: opened.control,
        streams: opened.streams,
        renew: enrollment.renew,
        forget: enrollment.forget,
        log: log.child({ part: "hub" }),
      });
      return async () => {
        hub = undefined;
        links = undefined;
        await opened.close();
      };
    },
  };
}

async function brokerOf({ broker, host, port, pki, serving, clock, entropy, log: parent }: FleetParts, refuse: Enrollment["refuse"]): Promise<HubLinks> {
  const log = parent.child({ part: "broker" });
  const ca = pki.caCertificate;
  if (broker === undefined) return hubLinks({ embedded: { host, port, tls: { ca, cert: serving.certificate, key: serving.key }, refuse, log } });
  const issue = () => pki.issueClient({ commonName: BROKER_USER, ttlMs: BROKER_TTL_MS });
  let own = await issue();
  const links = await hubLinks({ external: { url: broker, tls: () => ({ ca, cert: own.certificate, key: own.key }), clientId: BROKER_USER, clock, entropy, log } });
  const renew = () => void issue().then((next) => (own = next), (error: unknown) => log.error({ error }, "the certificate for the broker could not be renewed"));
  return { ...links, renew };
}
