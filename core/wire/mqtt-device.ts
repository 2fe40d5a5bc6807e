/**
 * The device's end of MQTT. Client id, certificate CN and node name are the same thing; the second connection, for
 * streams, carries ":s" behind it, so that bulk never delays what says that the device is alive.
 */
import type { DeviceLink } from "./link.ts";
import { streamsClientId, topics } from "./messages.ts";
import type { MqttOptions } from "./mqtt-connection.ts";
import { mqttConnection } from "./mqtt-connection.ts";

export interface MqttDeviceOptions extends Pick<MqttOptions, "urls" | "tls" | "keepaliveSeconds" | "version" | "clock" | "entropy" | "log"> {
  readonly node: string;
  /** default "control" */
  readonly channel?: "control" | "streams";
}

export interface DeviceLinks {
  readonly control: DeviceLink;
  readonly streams: DeviceLink;
}

/**
 * Both links over one connection: for brokers that know a certificate by one client id only (mosquitto with
 * `use_username_as_clientid`, which it needs against stolen client ids), where a second connection would end the first.
 * Streams may delay presence then.
 */
export function sharedMqttDevice(options: Omit<MqttDeviceOptions, "channel">): DeviceLinks {
  const { node, ...connection } = options;
  const presence = topics.presence(node);
  const mqtt = mqttConnection({
    ...connection,
    clientId: node,
    subscribe: [topics.down(node), topics.streamDown(node)],
    will: { topic: presence, payload: "0" },
    birth: { topic: presence, payload: "1" },
  });
  const half = (up: string, down: string): DeviceLink => ({
    publish: (payload, how) => mqtt.publish(up, payload, how?.confirm ?? true),
    onMessage: (listener) =>
      mqtt.onMessage((topic, payload) => {
        if (topic === down) listener(payload);
      }),
    onConnected: mqtt.onConnected,
    close: mqtt.close,
  });
  return { control: half(topics.up(node), topics.down(node)), streams: half(topics.streamUp(node), topics.streamDown(node)) };
}

/** Client id of the connection that carries streams. */

export function mqttDevice(options: MqttDeviceOptions): DeviceLink {
  const { node, channel, ...connection } = options;
  const streams = channel === "streams";
  const up = streams ? topics.streamUp(node) : topics.up(node);
  const presence = topics.presence(node);
  const mqtt = mqttConnection({
    ...connection,
    clientId: streams ? streamsClientId(node) : node,
    subscribe: [streams ? topics.streamDown(node) : topics.down(node)],
    ...(streams ? {} : { will: { topic: presence, payload: "0" }, birth: { topic: presence, payload: "1" } }),
  });
  return {
    publish: (payload, how) => mqtt.publish(up, payload, how?.confirm ?? true),
    onMessage: (listener) => mqtt.onMessage((_topic, payload) => listener(payload)),
    onConnected: mqtt.onConnected,
    close: mqtt.close,
  };
}
