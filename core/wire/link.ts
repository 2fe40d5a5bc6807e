/** How messages travel, seen from either end. Implementations: MQTT (embedded or external broker) and memory (tests). */
export interface DeviceLink {
  /**
   * The device's end: payloads are encoded envelopes, or stream frames. Resolves when the broker has it (`confirm`, the
   * default: MQTT QoS 1) or when it is written to the socket (QoS 0). @throws Error when not connected
   */
  publish(payload: Uint8Array, options?: PublishOptions): Promise<void>;
  onMessage(listener: (payload: Uint8Array) => void): void;
  /** true each time a session can start, false when the link is lost */
  onConnected(listener: (connected: boolean) => void): void;
  close(): Promise<void>;
}

export interface PublishOptions {
  /** false: fire and forget (MQTT QoS 0), for what is repeated or counted by its sender */
  readonly confirm?: boolean;
}

export interface HubLink {
  /** @throws Error when the device's queue is full or it is not connected: the next session start heals it */
  publish(node: string, payload: Uint8Array, options?: PublishOptions): Promise<void>;
  onMessage(listener: (node: string, payload: Uint8Array) => void): void;
  /** keepalive and will as the broker sees them; a hint, the hub's own timer decides */
  onPresence(listener: (node: string, present: boolean) => void): void;
  /** false while this side cannot reach its broker: nothing is known about devices then; absent: always reachable */
  onReachable?(listener: (reachable: boolean) => void): void;
  /** ends the device's connections (revoked, replaced) */
  disconnect(node: string): void;
  close(): Promise<void>;
}
