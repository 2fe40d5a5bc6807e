/** The device side of a server: broker, hub and streams over the certificates of the cluster. */
import type { Clock } from "../api/clock.ts";
import type { Client } from "../api/client.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import type { User } from "../api/user.ts";
import type { Pki } from "../auth/pki/pki.ts";
import type { Informers } from "../control/control.ts";
import { embeddedBroker } from "../hub/broker.ts";
import { type Hub, startHub } from "../hub/hub.ts";
import type { Closing } from "./closing.ts";

export interface FleetParts {
  readonly host: string;
  readonly port: number;
  readonly serving: { readonly certificate: string; readonly key: string };
  readonly pki: Pki;
  readonly clientFor: (user: User) => Client;
  readonly informers: Informers;
  readonly renew: (node: string, csr: string) => Promise<string>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Fleet {
  readonly hub: Hub;
  readonly mqttPort: number;
}

export async function fleet(parts: FleetParts, open: Closing): Promise<Fleet> {
  const { pki, serving, log, host, port } = parts;
  const broker = await embeddedBroker({
    host,
    port,
    tls: { ca: pki.caCertificate, cert: serving.certificate, key: serving.key },
    log: log.child({ part: "broker" }),
  });
  open.add("broker", () => broker.close());
  const hub = await startHub({ ...parts, control: broker.control, streams: broker.streams, log: log.child({ part: "hub" }) });
  return { hub, mqttPort: broker.port };
}
