/**
 * The server's end of an external broker (mosquitto, EMQX, NATS, RabbitMQ). The broker authenticates devices and keeps
 * each to its own topics; this end subscribes to all of them, with one connection for control and streams, because a
 * broker may know a certificate by one client id only. For brokers that buffer per receiver: on one that does not, a slow
 * device would hold up the server's connection.
 */
import type { HubLink } from "./link.ts";
import { topics } from "./messages.ts";
import type { MqttConnection, MqttOptions } from "./mqtt-connection.ts";
import { mqttConnection } from "./mqtt-connection.ts";

export interface MqttHubOptions extends Pick<MqttOptions, "urls" | "tls" | "version" | "clock" | "entropy" | "log"> {
  /** one of the server; the broker's rules allow it everything under d/ */
  readonly clientId: string;
}

export interface MqttHub {
  readonly control: HubLink;
  readonly streams: HubLink;
}

/** Confirmed messages to all devices together that wait for the broker. */
const MAX_IN_FLIGHT = 10_000;
const PRESENT = 0x31;

export function mqttHub(options: MqttHubOptions): MqttHub {
  const mqtt = mqttConnection({ ...options, maxInFlight: MAX_IN_FLIGHT, subscribe: [topics.up("+"), topics.presence("+"), topics.streamUp("+")] });
  return {
    control: half(mqtt, { up: topics.up, down: topics.down }),
    streams: half(mqtt, { up: topics.streamUp, down: topics.streamDown }),
  };
}

function half(mqtt: MqttConnection, { up, down }: { readonly up: (node: string) => string; readonly down: (node: string) => string }): HubLink {
  return {
    publish: (node, payload, how) => mqtt.publish(down(node), payload, how?.confirm ?? true),
    onMessage(listener) {
      mqtt.onMessage((topic, payload, retained) => {
        const node = nodeOf(topic);
        // a retained message is of an earlier life of the broker or of a site bridge: never a device speaking
        if (!retained && topic === up(node)) listener(node, payload);
      });
    },
    onPresence(listener) {
      mqtt.onMessage((topic, payload, retained) => {
        const node = nodeOf(topic);
        if (!retained && topic === topics.presence(node)) listener(node, payload[0] === PRESENT);
      });
    },
    onReachable: mqtt.onConnected,
    // MQTT has no packet for it: the broker's own tools end a connection, the certificate's expiry does in any case
    disconnect() {},
    close: mqtt.close,
  };
}

const nodeOf = (topic: string) => topic.split("/")[1] ?? "";
