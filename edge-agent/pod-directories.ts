/** Where things of a pod lie on the device's disk. Names are the API's, which hold no slash. */
import { join } from "node:path";

export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface PodDirectories {
  /** all pods */
  readonly root: string;
  /** volumes that must not reach a disk: one file system in memory for all pods */
  readonly memory: string;
  /** all logs */
  readonly logRoot: string;
  pod(uid: string): string;
  volumes(uid: string): string;
  volume(uid: string, name: string): string;
  memoryVolumes(uid: string): string;
  memoryVolume(uid: string, name: string): string;
  /** mounts of parts of volumes, made for one container */
  subPaths(uid: string, container: string): string;
  hostsFile(uid: string): string;
  terminationLog(uid: string, container: string, attempt: number): string;
  logs(pod: PodIdentity): string;
  log(pod: PodIdentity, container: string, attempt: number): string;
}

export function podDirectories(dataDir: string): PodDirectories {
  const root = join(dataDir, "pods");
  const memory = join(dataDir, "memory");
  const logRoot = join(dataDir, "logs");
  const logs = ({ namespace, name, uid }: PodIdentity) => join(logRoot, `${namespace}_${name}_${uid}`);
  return {
    root,
    memory,
    logRoot,
    pod: (uid) => join(root, uid),
    volumes: (uid) => join(root, uid, "volumes"),
    volume: (uid, name) => join(root, uid, "volumes", name),
    memoryVolumes: (uid) => join(memory, uid),
    memoryVolume: (uid, name) => join(memory, uid, name),
    subPaths: (uid, container) => join(root, uid, "volume-subpaths", container),
    hostsFile: (uid) => join(root, uid, "etc-hosts"),
    terminationLog: (uid, container, attempt) => join(root, uid, "containers", container, `${attempt}.termination`),
    logs,
    log: (pod, container, attempt) => join(logs(pod), container, `${attempt}.log`),
  };
}
