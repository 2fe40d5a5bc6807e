/**
 * The device's end of MQTT. Client id, certificate CN and node name are the same thing; the second connection, for
 * streams, carries "+s" behind it, so that bulk never delays what says that the device is alive.
 */
import type { DeviceLink } from "./link.ts";
import { topics } from "./messages.ts";
import type { MqttOptions } from "./mqtt-connection.ts";
import { mqttConnection } from "./mqtt-connection.ts";

export interface MqttDeviceOptions extends Pick<MqttOptions, "urls" | "tls" | "keepaliveSeconds" | "version" | "clock" | "entropy" | "log"> {
  readonly node: string;
  /** default "control" */
  readonly channel?: "control" | "streams";
}

/** Client id of the connection that carries streams. */
export const streamsClientId = (node: string) => `${node}+s`;

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
