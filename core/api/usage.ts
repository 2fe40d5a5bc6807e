/**
 * What a device and its pods use at this moment: the short answer that a device gives over the stream connection when
 * somebody asks (metrics.k8s.io, autoscalers). Nothing of it is stored, and nobody measures while nobody looks.
 */
export interface Amount {
  /** billionths of a core, averaged over the window; absent: the device cannot tell */
  readonly cpu?: number | undefined;
  /** working set, bytes */
  readonly memory?: number | undefined;
}

export interface PodAmounts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly containers: readonly ({ readonly name: string } & Amount)[];
}

export interface DeviceUsage {
  /** end of the window, milliseconds */
  readonly at: number;
  readonly windowMs: number;
  readonly node: Amount;
  readonly pods: readonly PodAmounts[];
}

/** @throws ApiError "ServiceUnavailable" when the device is offline */
export interface DeviceUsages {
  of(node: string): Promise<DeviceUsage>;
}
