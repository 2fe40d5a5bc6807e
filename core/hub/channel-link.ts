/**
 * One of the two channels of the embedded broker as a HubLink: the connected clients by node, and what waits in their
 * sockets. The broker tells it who joined and left; takeover is the broker's (the later connection of an id wins).
 */
import type { Client as MqttClient } from "aedes";
import type { HubLink } from "../wire/link.ts";

export interface ChannelLink {
  readonly link: HubLink;
  joined(node: string, client: MqttClient): void;
  left(node: string, client: MqttClient): void;
  received(node: string, payload: Uint8Array): void;
  drop(node: string): void;
}

/** Written but not yet taken by the device's socket: one frame more is refused, and the session starts over later. */
const MAX_BUFFERED_BYTES = 2 * 1024 * 1024;

export function channelLink(topic: (node: string) => string, disconnect: (node: string) => void): ChannelLink {
  const clients = new Map<string, MqttClient>();
  const messages: ((node: string, payload: Uint8Array) => void)[] = [];
  const presences: ((node: string, present: boolean) => void)[] = [];

  return {
    joined(node, client) {
      clients.set(node, client);
      for (const listener of presences) listener(node, true);
    },
    left(node, client) {
      if (clients.get(node) !== client) return;
      clients.delete(node);
      for (const listener of presences) listener(node, false);
    },
    received(node, payload) {
      for (const listener of messages) listener(node, payload);
    },
    drop(node) {
      clients.get(node)?.close();
    },
    link: {
      publish(node, payload) {
        const client = clients.get(node);
        if (client === undefined) return Promise.reject(new Error(`device ${node} is not connected`));
        if (client.conn.writableLength > MAX_BUFFERED_BYTES) {
          return Promise.reject(new Error(`device ${node} does not take what it is sent: ${client.conn.writableLength} bytes wait`));
        }
        return new Promise((resolve, reject) => {
          // QoS 0 on purpose: TCP delivers or breaks, sessions count, and a PUBACK would be bytes of the device's plan
          client.publish(
            { cmd: "publish", topic: topic(node), payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength), qos: 0, retain: false, dup: false },
            (error) => (error ? reject(error) : resolve()),
          );
        });
      },
      onMessage: (listener) => void messages.push(listener),
      onPresence: (listener) => void presences.push(listener),
      disconnect,
      // the broker closes
      async close() {},
    },
  };
}
