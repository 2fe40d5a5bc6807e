/**
 * Pods on disk: a directory per sandbox with a directory per container in it. The agent may be killed at any line; what it
 * finds at the next start is this and the processes that run.
 *
 *   pods/<sandbox>/sandbox.json
 *   pods/<sandbox>/containers/<container>/container.json, and the files of its process
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MessageGrants } from "../../../core/wire/message-grants.ts";
import type { PodPlace } from "../../../wasm-runtime/host/pod-network.ts";
import type { Grants } from "../../../wasm-runtime/process.ts";
import { sharedStateDir } from "../../../wasm-runtime/shared-process.ts";
import { groupDirectory } from "./groups.ts";

export interface SandboxRecord {
  readonly id: string;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly attempt: number;
  readonly hostname: string;
  readonly ip: string;
  /** the device's own address: nothing was allocated */
  readonly hostNetwork: boolean;
  readonly createdAt: number;
  readonly stopped: boolean;
}

/** Everything that the start needs: the agent may be another one by then. Has secrets (env), so only its owner reads it. */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly image: string;
  readonly imageId: string;
  readonly componentDigest: string;
  readonly specHash: string;
  readonly createdAt: number;
  readonly args: readonly string[];
  readonly env: readonly (readonly [string, string])[];
  readonly grants: Grants;
  readonly requestTimeoutMs?: number;
  readonly instance?: "reused" | "fresh";
  /** libraries that run in its process (composition.ts), in the order in which they are linked */
  readonly linked?: readonly { readonly componentDigest: string; readonly memoryLimitBytes: number }[];
  /** its process has messages or metrics to tell: which topics it may have. Absent: nobody listens to it */
  readonly line?: MessageGrants;
  /** the group whose process it shares, see groups.ts; absent: it has its own */
  readonly group?: string;
  /** it held up a process that it shared: it and those after it get their own */
  readonly alone?: boolean;
  /** a service that has had no request for so long stops until the next one */
  readonly idleMs?: number;
  /** the pod's own */
  readonly addresses: readonly string[];
  readonly place?: PodPlace;
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  readonly memoryLimitBytes: number;
  readonly cpuMillis?: number;
  readonly logPath: string;
}

/** What a container's record says to every process that runs for it. */
export function runAs({ args, env, memoryLimitBytes, cpuMillis, addresses, place, grants, requestTimeoutMs, instance, idleMs }: ContainerRecord) {
  return {
    args, env, memoryLimitBytes, addresses, grants,
    ...(place === undefined ? {} : { place }),
    ...(cpuMillis === undefined ? {} : { cpuMillis }),
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
    ...(instance === undefined ? {} : { instance }),
    ...(idleMs === undefined ? {} : { idleMs }),
  };
}

const SANDBOX_FILE = "sandbox.json";
const CONTAINER_FILE = "container.json";

/** Identities as long as the CRI's, and safe as file names whatever the parts are. */
export const idOf = (...parts: readonly (string | number)[]) => createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 32);

export interface PodState {
  sandboxes(): SandboxRecord[];
  sandbox(id: string): SandboxRecord | undefined;
  saveSandbox(record: SandboxRecord): void;
  removeSandbox(id: string): void;
  containers(sandboxId: string): ContainerRecord[];
  /** where a container's process keeps its files, and the sandbox it is in */
  find(containerId: string): { readonly directory: string; readonly sandboxId: string; readonly record: ContainerRecord } | undefined;
  directoryOf(sandboxId: string, containerId: string): string;
  /** where a container's process keeps its records: the container's own directory, or one of the process that it shares */
  processDirectoryOf(sandboxId: string, container: Pick<ContainerRecord, "id" | "group">): string;
  saveContainer(sandboxId: string, record: ContainerRecord): void;
  removeContainer(containerId: string): void;
}

export function podState(dataDir: string): PodState {
  const directory = join(dataDir, "pods");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const sandboxDirectory = (id: string) => join(directory, id);
  const containersDirectory = (id: string) => join(directory, id, "containers");
  const directoryOf = (sandboxId: string, containerId: string) => join(containersDirectory(sandboxId), containerId);
  const sandbox = (id: string) => read<SandboxRecord>(join(sandboxDirectory(id), SANDBOX_FILE));

  function find(containerId: string) {
    for (const sandboxId of names(directory)) {
      const place = directoryOf(sandboxId, containerId);
      const record = read<ContainerRecord>(join(place, CONTAINER_FILE));
      if (record !== undefined) return { directory: place, sandboxId, record };
    }
    return undefined;
  }

  return {
    sandboxes: () => names(directory).flatMap((id) => sandbox(id) ?? []),
    sandbox,
    saveSandbox(record) {
      mkdirSync(containersDirectory(record.id), { recursive: true, mode: 0o700 });
      write(join(sandboxDirectory(record.id), SANDBOX_FILE), record);
    },
    removeSandbox: (id) => rmSync(sandboxDirectory(id), { recursive: true, force: true }),
    containers: (sandboxId) => names(containersDirectory(sandboxId)).flatMap((id) => read<ContainerRecord>(join(directoryOf(sandboxId, id), CONTAINER_FILE)) ?? []),
    find,
    directoryOf,
    processDirectoryOf: (sandboxId, { id, group }) => (group === undefined ? directoryOf(sandboxId, id) : sharedStateDir(groupDirectory(dataDir, group), id)),
    saveContainer(sandboxId, record) {
      const place = directoryOf(sandboxId, record.id);
      mkdirSync(place, { recursive: true, mode: 0o700 });
      write(join(place, CONTAINER_FILE), record);
    },
    removeContainer(containerId) {
      const found = find(containerId);
      if (found !== undefined) rmSync(found.directory, { recursive: true, force: true });
    },
  };
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function read<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}

function write(path: string, value: object): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
