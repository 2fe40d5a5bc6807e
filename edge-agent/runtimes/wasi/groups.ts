/**
 * Which components share a process: those of one namespace whose pods ask for it, apart by whether they have volumes, because
 * a process without volumes can be kept from the disk. See decisions/0016-components-may-share-a-process.md.
 */
import { basename, dirname, join } from "node:path";
import type { Grants } from "../../../wasm-runtime/process.ts";
import type { Group } from "../../../wasm-runtime/shared-process.ts";
import type { ContainerRecord } from "./state.ts";

/** Of one component; more than that is no small neighbour. */
export const MAX_SHARED_MEMORY_BYTES = 256 << 20;
const WITH_FILES = ".files";

/** Namespaces are DNS labels, so a dot sets a group with volumes apart. @throws Error when it cannot share */
export function groupNameOf(namespace: string, grants: Grants, memoryLimitBytes: number): string {
  const { preopens = [], gpio = [], i2c = [], spi = [], uart = [], onewire = [] } = grants;
  if (gpio.length + i2c.length + spi.length + uart.length + onewire.length > 0) throw new Error("a component with hardware devices does not share a process: remove the pod's annotation wasi.lichen.dev/process, or the devices");
  if (memoryLimitBytes > MAX_SHARED_MEMORY_BYTES) throw new Error(`a component that shares a process may have ${MAX_SHARED_MEMORY_BYTES} bytes of memory, not ${memoryLimitBytes}: remove the pod's annotation wasi.lichen.dev/process`);
  return preopens.length > 0 ? `${namespace}${WITH_FILES}` : namespace;
}

export const groupDirectory = (dataDir: string, group: string) => join(dataDir, "shared", group);

export function groupOf(dataDir: string, { group = "", logPath, place }: ContainerRecord, addressBits: number | undefined): Group {
  const namespace = group.replace(WITH_FILES, "");
  return {
    directory: groupDirectory(dataDir, group),
    logs: logsOf(namespace, logPath),
    stores: join(dataDir, "keyvalue", namespace),
    services: place?.services,
    files: group.endsWith(WITH_FILES),
    maxMemoryBytes: MAX_SHARED_MEMORY_BYTES,
    addressBits,
  };
}

/** Logs are LOGS/<namespace>_<pod>_<uid>/<container>/<attempt>.log, as kubelet has them: those of all pods of the namespace. */
function logsOf(namespace: string, logPath: string): string {
  const pod = dirname(dirname(logPath));
  return basename(pod).startsWith(`${namespace}_`) ? join(dirname(pod), `${namespace}_*`) : join(dirname(logPath), "*");
}
