/** The agent's own files of a pod: logs, /etc/hosts, termination messages. An interface, so that simulations need no disk. */
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { PodDirectories, PodIdentity } from "./pod-directories.ts";

export interface ContainerFiles {
  readonly logPath: string;
  readonly hostsFile: string | undefined;
  readonly terminationLog: string | undefined;
}

export interface PodFiles {
  /** makes the directory that the sandbox writes logs to */
  logDirectory(id: PodIdentity): Promise<string>;
  containerFiles(
    id: PodIdentity,
    container: string,
    attempt: number,
    options: { readonly hosts: string | undefined; readonly terminationLog: boolean },
  ): Promise<ContainerFiles>;
  remove(id: PodIdentity): Promise<void>;
  /** pods that something is left of on the disk, also of those that an agent before this one did not clean up */
  left(): Promise<readonly PodIdentity[]>;
}

export function diskPodFiles(directories: PodDirectories): PodFiles {
  return {
    async logDirectory(id) {
      const directory = directories.logs(id);
      await mkdir(directory, { recursive: true, mode: 0o755 });
      return directory;
    },
    async containerFiles(id, container, attempt, { hosts, terminationLog }) {
      const logPath = directories.log(id, container, attempt);
      await mkdir(dirname(logPath), { recursive: true, mode: 0o755 });
      return {
        logPath,
        hostsFile: hosts === undefined ? undefined : await place(directories.hostsFile(id.uid), hosts, 0o644),
        // any user of the container may leave a message
        terminationLog: terminationLog ? await place(directories.terminationLog(id.uid, container, attempt), "", 0o666) : undefined,
      };
    },
    async remove(id) {
      await rm(directories.pod(id.uid), { recursive: true, force: true });
      await rm(directories.logs(id), { recursive: true, force: true });
    },
    async left() {
      const logs = (await names(directories.logRoot)).flatMap((each) => {
        const [namespace, name, uid] = each.split("_");
        return namespace === undefined || name === undefined || uid === undefined ? [] : [{ namespace, name, uid }];
      });
      const named = new Set(logs.map(({ uid }) => uid));
      const others = new Set([...(await names(directories.root)), ...(await names(directories.memory))]);
      return [...logs, ...[...others].filter((uid) => !named.has(uid)).map((uid) => ({ namespace: "", name: "", uid }))];
    },
  };
}

async function names(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}

async function place(file: string, text: string, mode: number): Promise<string> {
  await mkdir(dirname(file), { recursive: true, mode: 0o750 });
  await writeFile(file, text);
  // after writing, so that the process umask does not matter
  await chmod(file, mode);
  return file;
}
