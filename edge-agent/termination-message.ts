/** Why a container ended, in its own words: the file it may write, or the end of its log (Kubernetes documentation, "Determine the Reason for Pod Failure"). */
import { open } from "node:fs/promises";
import type { Pod } from "../core/api/types.gen.ts";
import { allContainers } from "./containers.ts";
import type { PodDirectories } from "./pod-directories.ts";
import type { RunningContainer, RunningPod } from "./runtimes/runtime.ts";
import { parseLogLine } from "./streams/log-lines.ts";

/** Limits of the API: 4096 bytes from the file, 2048 bytes or 80 lines from the log. */
const MAX_FILE_BYTES = 4096;
const MAX_LOG_BYTES = 2048;
const MAX_LOG_LINES = 80;

/** Adds messages to containers that ended; each is read once. */
export function terminationMessages(directories: PodDirectories, podOf: (uid: string) => Pod | undefined): (running: RunningPod) => Promise<RunningPod> {
  const known = new Map<string, string>();
  const messageOf = async (running: RunningPod, container: RunningContainer): Promise<string> => {
    const cached = known.get(container.id);
    if (cached !== undefined) return cached;
    const pod = podOf(running.uid);
    const spec = pod === undefined ? undefined : allContainers(pod).find(({ name }) => name === container.name);
    const file = directories.terminationLog(running.uid, container.name, container.attempt);
    let message = (await tail(file, MAX_FILE_BYTES)).toString("utf8");
    if (message === "" && spec?.terminationMessagePolicy === "FallbackToLogsOnError" && container.exitCode !== 0) {
      message = logEnd(await tail(directories.log(running, container.name, container.attempt), 4 * MAX_LOG_BYTES));
    }
    known.set(container.id, message === "" ? (container.message ?? "") : message);
    return known.get(container.id) ?? "";
  };
  return async (running) => {
    const containers = await Promise.all(
      running.containers.map(async (container) => (container.state === "exited" ? { ...container, message: await messageOf(running, container) } : container)),
    );
    if (known.size > MAX_KNOWN) known.clear();
    return { ...running, containers };
  };
}

/** Ids of containers come and go; forgetting them costs a few reads. */
const MAX_KNOWN = 1000;

async function tail(path: string, bytes: number): Promise<Buffer> {
  try {
    const handle = await open(path, "r");
    try {
      const { size } = await handle.stat();
      const buffer = Buffer.alloc(Math.min(size, bytes));
      await handle.read(buffer, 0, buffer.length, Math.max(0, size - bytes));
      return buffer;
    } finally {
      await handle.close();
    }
  } catch {
    return Buffer.alloc(0);
  }
}

function logEnd(raw: Buffer): string {
  const lines = raw.toString("utf8").split("\n").flatMap((line) => {
    const entry = parseLogLine(Buffer.from(line));
    return entry === undefined ? [] : [`${entry.text.toString("utf8")}${entry.end ? "\n" : ""}`];
  });
  return Buffer.from(lines.slice(-MAX_LOG_LINES).join("")).subarray(-MAX_LOG_BYTES).toString("utf8");
}
