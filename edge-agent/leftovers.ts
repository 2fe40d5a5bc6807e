/**
 * What an agent that was killed, or a power cut, left of pods that are long gone: mounts, volumes, logs. Looked for once,
 * when it is known what is wanted and what runs; whatever belongs to neither goes.
 */
import type { Log } from "../core/api/log.ts";
import type { PodFiles } from "./pod-files.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import type { Volumes } from "./volumes/volumes.ts";

export interface LeftoverParts {
  readonly files: PodFiles;
  readonly volumes: Volumes;
  readonly runtimes: readonly Runtime[];
  readonly log: Log;
  readonly needed: (uid: string) => boolean;
}

export async function removeLeftovers({ files, volumes, runtimes, log, needed }: LeftoverParts): Promise<void> {
  for (const id of await files.left()) {
    if (needed(id.uid)) continue;
    try {
      await volumes.unmount(id.uid);
      for (const runtime of runtimes) await runtime.forgetPod?.(id.uid);
      await files.remove(id);
      log.info({ uid: id.uid, pod: `${id.namespace}/${id.name}` }, "removed what was left of a pod");
    } catch (error) {
      log.warn({ uid: id.uid, error: String(error) }, "what is left of a pod cannot be removed yet");
    }
  }
}
