/** `kubectl exec`: frames to a process and back, and at the end one Status that says how it went (remote command protocol v4). */
import { CHANNEL, type DeviceStream, type Terminal } from "../../core/api/streams.ts";
import type { ExecSession } from "../runtimes/runtime.ts";

export async function serveExec(session: ExecSession, { stdin, stdout, stderr }: Terminal, stream: DeviceStream): Promise<void> {
  const copy = async (source: AsyncIterable<Uint8Array>, channel: number, wanted: boolean) => {
    for await (const data of source) if (wanted) await stream.send({ channel, data });
  };
  const input = feed(session, stream, stdin);
  try {
    await Promise.all([copy(session.stdout, CHANNEL.stdout, stdout), copy(session.stderr, CHANNEL.stderr, stderr)]);
    const status = statusOf(await session.exitCode);
    await stream.send({ channel: CHANNEL.error, data: Buffer.from(JSON.stringify(status)), end: true });
    stream.close();
  } finally {
    await session.close();
    await input;
  }
}

async function feed(session: ExecSession, stream: DeviceStream, stdin: boolean): Promise<void> {
  try {
    for await (const { channel, data, end } of stream.frames) {
      if (channel === CHANNEL.stdin && stdin) {
        if (data.length > 0) await session.write(data);
        if (end === true) await session.closeStdin();
      } else if (channel === CHANNEL.resize && data.length > 0) {
        const size = JSON.parse(Buffer.from(data).toString("utf8")) as { readonly Width?: number; readonly Height?: number };
        await session.resize(size.Width ?? 0, size.Height ?? 0);
      }
    }
  } catch {
    // the link failed or the frame was no size: below
  }
  // whoever asked is gone
  await session.close();
}

function statusOf(exitCode: number): object {
  if (exitCode === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: error executing command, exit code ${exitCode}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(exitCode) }] },
  };
}
