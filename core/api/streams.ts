/**
 * Byte streams to a device: logs, exec, attach, port-forward. The HTTP layer asks for one, the hub carries it over the
 * device's second MQTT connection, the agent serves it. Credit-controlled in both directions.
 */
export type StreamRequest =
  | ({ readonly type: "log" } & PodContainer & LogOptions)
  | ({ readonly type: "exec"; readonly command: readonly string[] } & PodContainer & Terminal)
  | ({ readonly type: "attach" } & PodContainer & Terminal)
  | { readonly type: "portforward"; readonly namespace: string; readonly pod: string; readonly uid: string; readonly port: number }
  /** a connection to the pages of the agent itself (HTTP/1.1: stats, metrics, healthz); data is channel 1 */
  | { readonly type: "kubelet" }
  /** one DeviceUsage as JSON on channel 1 */
  | { readonly type: "usage" };

export interface PodContainer {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly container: string;
}

export interface LogOptions {
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly sinceSeconds?: number;
  /** RFC 3339 */
  readonly sinceTime?: string;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  readonly stream?: "All" | "Stdout" | "Stderr";
}

export interface Terminal {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Channels of a stream: those of the Kubernetes remote command protocol. Data of port-forward and log is channel 1. */
export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

export interface Frame {
  readonly channel: number;
  readonly data: Uint8Array;
  /** no more on this channel in this direction */
  readonly end?: boolean;
}

export interface DeviceStream {
  /** frames from the other side; ends when it closed, throws ApiError when the link or the device failed */
  readonly frames: AsyncIterable<Frame>;
  /** resolves when there is credit for more */
  send(frame: Frame): Promise<void>;
  close(error?: Error): void;
}

/** Opens a stream to a node. @throws ApiError "ServiceUnavailable" when the device is offline */
export interface DeviceStreams {
  open(node: string, request: StreamRequest, signal: AbortSignal): Promise<DeviceStream>;
}
