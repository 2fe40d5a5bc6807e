/**
 * A process in a running container, through containerd's task service and named pipes. CRI's own exec needs a streaming
 * server and cannot close stdin alone; this way has no server and a real half-close.
 *
 * Pipes: opened read-write first (that never blocks), so that the shim finds a partner; once it has opened its end, a
 * read-only descriptor takes over, which sees the end of the output when the shim is done copying.
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { constants, openSync } from "node:fs";
import { mkdir, mkdtemp, open, rm, type FileHandle } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ExecOptions, ExecSession } from "../runtime.ts";
import type { Cri } from "./cri.ts";

const PROCESS_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Process";
const NONBLOCK_BOTH = constants.O_RDWR | constants.O_NONBLOCK;
const NONBLOCK_READ = constants.O_RDONLY | constants.O_NONBLOCK;
const SIGKILL = 9;

const execute = promisify(execFile);

/** `pipes`: the directory of all sessions' pipes. @throws GrpcError when containerd or runc refuse the command */
export async function execInTask(cri: Cri, pipes: string, containerId: string, options: ExecOptions): Promise<ExecSession> {
  const process = await processOf(cri, containerId, options);
  await mkdir(pipes, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(pipes, "exec-"));
  const path = (name: string) => join(directory, name);
  const names = [...(options.stdin ? ["in"] : []), "out", ...(options.tty ? [] : ["err"])];
  const id = { container_id: containerId, exec_id: randomUUID() };
  const holders = new Map<string, FileHandle>();
  let deleted = false;
  const release = async () => {
    for (const handle of holders.values()) await handle.close().catch(() => {});
    holders.clear();
    await rm(directory, { recursive: true, force: true });
    if (!deleted) await cri.call("DeleteProcess", id).catch(() => {});
    deleted = true;
  };
  try {
    await execute("mkfifo", ["-m", "600", ...names.map(path)]);
    for (const name of names) holders.set(name, await open(path(name), NONBLOCK_BOTH));
    await cri.call("Exec", {
      ...id,
      stdin: options.stdin ? path("in") : "",
      stdout: path("out"),
      stderr: options.tty ? "" : path("err"),
      terminal: options.tty,
      spec: { type_url: PROCESS_TYPE, value: Buffer.from(JSON.stringify(process)) },
    });
    // asked before the start, or a short command could end unseen
    const waited = cri.call("Wait", id);
    waited.catch(() => {});
    await cri.call("Start", id);
    const stdout = await reader(path("out"), holders, "out");
    const stderr = options.tty ? undefined : await reader(path("err"), holders, "err");
    const input = holders.get("in");
    const exitCode = waited.then(({ exit_status = 0 }) => exit_status);
    let ended = false;
    const finished = exitCode.then(() => void (ended = true), () => void (ended = true));

    return {
      stdout,
      stderr: stderr ?? nothing(),
      exitCode,
      async write(data) {
        let rest = data;
        while (rest.length > 0) {
          if (input === undefined || ended) return;
          rest = rest.subarray(await writeSome(input, rest));
        }
      },
      async closeStdin() {
        if (input === undefined || !holders.delete("in")) return;
        await input.close();
        await cri.call("CloseIO", { ...id, stdin: true }).catch(() => {});
      },
      async resize(width, height) {
        await cri.call("ResizePty", { ...id, width, height }).catch(() => {});
      },
      async close() {
        if (!ended) await cri.call("Kill", { ...id, signal: SIGKILL }).catch(() => {});
        await finished;
        stdout.destroy();
        stderr?.destroy();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** The container's own process with another command: user, capabilities, environment and limits stay the same. */
async function processOf(cri: Cri, containerId: string, { command, tty }: ExecOptions): Promise<object> {
  const { container } = await cri.call("Get", { id: containerId });
  const spec = JSON.parse(Buffer.from(container?.spec?.value ?? []).toString("utf8")) as { readonly process?: { readonly env?: readonly string[] } };
  const env = spec.process?.env ?? [];
  return { ...spec.process, args: command, terminal: tty, env: tty && !env.some((each) => each.startsWith("TERM=")) ? [...env, "TERM=xterm"] : env };
}

async function reader(path: string, holders: Map<string, FileHandle>, name: string): Promise<Socket> {
  // a bare descriptor, which the socket owns and closes; opening a pipe this way never blocks
  const socket = new Socket({ fd: openSync(path, NONBLOCK_READ), readable: true, writable: false });
  socket.on("error", () => {});
  await holders.get(name)?.close();
  holders.delete(name);
  return socket;
}

/** A full pipe says so at once: try again after a moment. */
async function writeSome(handle: FileHandle, data: Uint8Array): Promise<number> {
  try {
    return (await handle.write(data)).bytesWritten;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    await new Promise((resolve) => setTimeout(resolve, FULL_PIPE_MS));
    return 0;
  }
}

const FULL_PIPE_MS = 5;

async function* nothing(): AsyncGenerator<Uint8Array> {
  // a terminal has one output
}
