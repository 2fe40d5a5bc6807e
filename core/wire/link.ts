/** How messages travel, seen from either end. Implementations: MQTT (embedded or external broker) and memory (tests). */
export interface DeviceLink {
  /** the device's end: payloads are encoded envelopes */
  publish(payload: Uint8Array): Promise<void>;
  onMessage(listener: (payload: Uint8Array) => void): void;
  /** true each time a session can start, false when the link is lost */
  onConnected(listener: (connected: boolean) => void): void;
  close(): Promise<void>;
}

export interface HubLink {
  /** @throws Error when the device's queue is full or it is not connected: the next session start heals it */
  publish(node: string, payload: Uint8Array): Promise<void>;
  onMessage(listener: (node: string, payload: Uint8Array) => void): void;
  /** keepalive and will as the broker sees them; a hint, the hub's own timer decides */
  onPresence(listener: (node: string, present: boolean) => void): void;
  /** ends the device's connections (revoked, replaced) */
  disconnect(node: string): void;
  close(): Promise<void>;
}
