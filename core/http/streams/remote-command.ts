/**
 * exec and attach: bytes between a client and a device, and at the end one Status that says how the command went. The
 * client speaks WebSocket channels or SPDY streams; here it is only this interface.
 */
import { ApiError } from "../../api/status.ts";
import type { Status } from "../../api/status.ts";
import { CHANNEL } from "../../api/streams.ts";
import type { DeviceStream, Frame } from "../../api/streams.ts";
import { readStatus } from "./log.ts";

export interface CommandClient {
  /** stdin and terminal sizes; ends when the client is gone. `end` on stdin: the client has closed it */
  readonly frames: AsyncIterable<Frame>;
  /** resolves when the client has taken enough for more */
  send(frame: Frame): Promise<void>;
  /** says how it went and closes */
  finish(status: Status): Promise<void>;
}

export async function runCommand(client: CommandClient, device: DeviceStream): Promise<void> {
  const up = forward(client, device);
  try {
    let status: Status | undefined;
    for await (const frame of device.frames) {
      if (frame.channel === CHANNEL.error) status = readStatus(frame.data) ?? status;
      else if (frame.channel === CHANNEL.stdout || frame.channel === CHANNEL.stderr) await client.send(frame);
    }
    await client.finish(status ?? success);
  } catch (error) {
    await client.finish(failure(error)).catch(() => {});
  } finally {
    device.close();
  }
  await up;
}

async function forward(client: CommandClient, device: DeviceStream): Promise<void> {
  try {
    for await (const frame of client.frames) await device.send(frame);
  } catch {
    // the device is gone: its frames say so, too
  }
  // a client that is gone has nobody to read the output
  device.close();
}

export const success: Status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 200 };

/** Errors of the device reach the user; others say only that something failed. */
export function failure(error: unknown): Status {
  return (error instanceof ApiError ? error : new ApiError("InternalError", "Internal error occurred: the stream to the device broke")).toStatus();
}

/** What goes over the wire: clients read status, message, reason and the causes (the exit code). */
export function statusBytes(status: Status): Buffer {
  return Buffer.from(JSON.stringify(status.status === "Success" ? { metadata: {}, status: "Success" } : status));
}
