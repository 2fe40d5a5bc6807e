/**
 * The server's end of an external broker (mosquitto, EMQX, NATS, RabbitMQ). The broker authenticates devices and keeps
 * each to its own topics; this end subscribes to all of them. Only for brokers that buffer per receiver: on one that
 * does not, a slow device would hold up the single connection of the server.
 */
import type { HubLink } from "./link.ts";
import { topics } from "./messages.ts";
import type { MqttOptions } from "./mqtt-connection.ts";
import { mqttConnection } from "./mqtt-connection.ts";
import { streamsClientId } from "./mqtt-device.ts";

export interface MqttHubOptions extends Pick<MqttOptions, "urls" | "tls" | "version" | "clock" | "entropy" | "log"> {
  /** one of the server; the broker's ACL allows it everything under d/ */
  readonly clientId: string;
  readonly channel?: "control" | "streams";
}

export function mqttHub(options: MqttHubOptions): HubLink {
  const { channel, ...connection } = options;
  const streams = channel === "streams";
  const mqtt = mqttConnection({
    ...connection,
    clientId: streams ? streamsClientId(options.clientId) : options.clientId,
    subscribe: streams ? [topics.streamUp("+")] : [topics.up("+"), topics.presence("+")],
  });
  const down = streams ? topics.streamDown : topics.down;
  return {
    publish: (node, payload, how) => mqtt.publish(down(node), payload, how?.confirm ?? true),
    onMessage(listener) {
      mqtt.onMessage((topic, payload, retained) => {
        const levels = topic.split("/");
        const node = levels[1];
        // a retained message is of an earlier life of the broker or of a site bridge: never a device speaking
        if (node === undefined || levels.at(-1) !== "up" || retained) return;
        listener(node, payload);
      });
    },
    onPresence(listener) {
      mqtt.onMessage((topic, payload, retained) => {
        const [, node, last] = topic.split("/");
        if (node === undefined || last !== "presence" || retained) return;
        listener(node, payload[0] === 0x31);
      });
    },
    onReachable: mqtt.onConnected,
    // MQTT has no packet for it: the broker's own tools end a connection, the certificate's expiry does in any case
    disconnect() {},
    close: mqtt.close,
  };
}
