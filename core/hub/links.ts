/** The two links to devices, over the broker that the configuration names: embedded, or an external one. */
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import type { HubLink } from "../wire/link.ts";
import type { Tls } from "../wire/mqtt-connection.ts";
import type { BrokerCounters, BrokerOptions } from "./broker.ts";
import { embeddedBroker } from "./broker.ts";

export interface ExternalBroker {
  /** mqtts://host:port, several with commas: tried in turn */
  readonly url: string;
  /** this server's own; its certificate is what the broker's rules give all topics to. Read at each connect */
  readonly tls: () => Tls | undefined;
  /** MQTT client id; the certificate's common name where the broker compares them */
  readonly clientId: string;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface HubLinks {
  readonly control: HubLink;
  readonly streams: HubLink;
  /** of the embedded broker */
  readonly port: number | undefined;
  readonly counters: Readonly<BrokerCounters> | undefined;
  /** of the embedded broker: another certificate for connections from now on */
  renew?(tls: BrokerOptions["tls"]): void;
  close(): Promise<void>;
}

export async function hubLinks(broker: { readonly embedded: BrokerOptions } | { readonly external: ExternalBroker }): Promise<HubLinks> {
  if ("embedded" in broker) return embeddedBroker(broker.embedded);
  const { url, ...rest } = broker.external;
  const options = { ...rest, urls: url.split(",") };
  // its MQTT client is loaded only where it is used: the embedded broker needs none
  const { mqttHub } = await import("../wire/mqtt-hub.ts");
  const { control, streams } = mqttHub(options);
  return {
    control,
    streams,
    port: undefined,
    counters: undefined,
    // one connection carries both
    close: control.close,
  };
}
