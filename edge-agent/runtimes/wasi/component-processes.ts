/**
 * The processes of containers: one each, one that several share, or one only while somebody asks. They outlive the agent; the
 * next one finds them by their records, listens to them again, and serves the sockets of those that sleep.
 */
import { rmSync } from "node:fs";
import type { Clock } from "../../../core/api/clock.ts";
import type { Log } from "../../../core/api/log.ts";
import type { HostImage } from "../../../wasm-runtime/host-image.ts";
import { isOnDemand, serveOnDemand } from "../../../wasm-runtime/on-demand.ts";
import type { OnDemand } from "../../../wasm-runtime/on-demand.ts";
import { startPause } from "../../../wasm-runtime/pause.ts";
import { componentState, startComponent, stopComponent } from "../../../wasm-runtime/process.ts";
import type { ComponentState } from "../../../wasm-runtime/process.ts";
import { startShared } from "../../../wasm-runtime/shared-process.ts";
import type { StartOptions } from "../../../wasm-runtime/start-options.ts";
import type { ComponentImages } from "./component-images.ts";
import type { Entered } from "./exec.ts";
import { groupDirectory, groupOf } from "./groups.ts";
import type { GuestLines } from "./guest-lines.ts";
import { runAs } from "./state.ts";
import type { ContainerRecord, PodState, SandboxRecord } from "./state.ts";
import { watchProcesses } from "./watch-processes.ts";

export interface ComponentProcesses {
  stateOf(sandboxId: string, container: ContainerRecord): ComponentState;
  /** Idempotent. Resolves when a command runs or a service listens. @throws StartError, Error */
  start(containerId: string): Promise<void>;
  /** resolves when it is dead */
  stop(containerId: string, graceMs: number): Promise<void>;
  /** the files of one that is stopped */
  forget(containerId: string): void;
  /** what runs beside it, for `kubectl exec` and probes. @throws Error when it does not run */
  entered(containerId: string): Entered;
  /** stops watching; the components run on */
  close(): void;
}

interface Surroundings {
  readonly dataDir: string;
  readonly state: PodState;
  readonly images: Pick<ComponentImages, "moduleOf" | "touch">;
  readonly host: HostImage;
  readonly lines: GuestLines;
  /** of the board's profile */
  readonly addressBits: number | undefined;
  /** resolves when the addresses that pods have are there again */
  readonly addressesKept: Promise<void> | undefined;
  /** a container may have changed. @param uid its pod; undefined: any pod */
  readonly changed: (uid: string | undefined) => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Found {
  readonly sandbox: SandboxRecord;
  readonly record: ContainerRecord;
}

export function componentProcesses(around: Surroundings): ComponentProcesses {
  const { dataDir, state, images, lines, changed, clock, log } = around;
  const stateOf = (sandboxId: string, container: ContainerRecord) => componentState(state.processDirectoryOf(sandboxId, container));
  const adopted = state.sandboxes().flatMap((sandbox) => state.containers(sandbox.id).flatMap((record): Found[] => (stateOf(sandbox.id, record).state === "running" ? [{ sandbox, record }] : [])));
  /** whose processes run, or did */
  const groups = new Set(adopted.flatMap(({ record }) => record.group ?? []));
  /** containers that have a process only while somebody asks: their sockets are here */
  const onDemand = new Map<string, Promise<OnDemand>>();
  const watch = watchProcesses({ state, adopted: new Map(adopted.map(({ sandbox, record }) => [record.id, sandbox.uid])), groups, groupDirectory: (group) => groupDirectory(dataDir, group), ended: lines.close, changed, clock, log });
  for (const found of adopted) adopt(found);

  /** A process of an earlier agent finds the connection to it again; the sockets of one that sleeps nobody has now. */
  function adopt(found: Found): void {
    const pod = found.sandbox.name;
    listenTo(found).catch((error: unknown) => log.warn({ pod, error }, "a component cannot be heard"));
    if (!isOnDemand(state.processDirectoryOf(found.sandbox.id, found.record))) return;
    Promise.resolve()
      .then(() => demand(found))
      .catch((error: unknown) => log.warn({ pod, error }, "a component cannot be served"));
  }

  async function listenTo({ sandbox: { id, namespace, name }, record }: Found): Promise<void> {
    if (record.line !== undefined) await lines.open(state.processDirectoryOf(id, record), { namespace, pod: name, container: record.name, grants: record.line });
  }

  function optionsOf({ sandbox, record }: Found): StartOptions {
    const stateDir = state.processDirectoryOf(sandbox.id, record);
    const { idleMs, ...as } = runAs(record);
    const component = images.moduleOf(record);
    const service = component.world === "http";
    return {
      host: around.host,
      ...component,
      ...as,
      // a program has nobody to wake it, and who sleeps hears no messages
      ...(idleMs === undefined || !service || record.line !== undefined ? {} : { idleMs }),
      ...(around.addressBits === undefined ? {} : { addressBits: around.addressBits }),
      listen: service ? record.listen : [],
      logPath: record.logPath,
      agentLine: record.line !== undefined,
      stateDir,
      onExit() {
        lines.close(stateDir);
        changed(sandbox.uid);
      },
    };
  }

  function demand(found: Found): Promise<OnDemand> {
    const options = optionsOf(found);
    const serving = Promise.resolve(around.addressesKept).then(() => serveOnDemand({ ...options, idleMs: options.idleMs ?? 0, onChange: () => changed(found.sandbox.uid) }));
    onDemand.set(found.record.id, serving);
    return serving;
  }

  /** @throws Error */
  function find(containerId: string): Found {
    const found = state.find(containerId);
    const sandbox = found === undefined ? undefined : state.sandbox(found.sandboxId);
    if (found === undefined || sandbox === undefined) throw new Error(`there is no container ${containerId}`);
    return { sandbox, record: found.record };
  }

  return {
    stateOf,

    async start(containerId) {
      const found = find(containerId);
      const { sandbox, record } = found;
      if (stateOf(sandbox.id, record).state !== "created") return;
      const options = optionsOf(found);
      images.touch(record);
      await listenTo(found);
      await around.addressesKept;
      if (options.world === "library") startPause(options.stateDir, () => options.onExit?.());
      else if (record.group !== undefined) {
        groups.add(record.group);
        watch.groupsChanged();
        await startShared(groupOf(dataDir, record, around.addressBits), options);
      } else if (options.idleMs !== undefined) await demand(found);
      else await startComponent(options);
      changed(sandbox.uid);
    },

    async stop(containerId, graceMs) {
      const found = state.find(containerId);
      if (found === undefined) return;
      const stateDir = state.processDirectoryOf(found.sandboxId, found.record);
      const serving = await onDemand.get(containerId)?.catch(() => undefined);
      onDemand.delete(containerId);
      await (serving === undefined ? stopComponent(stateDir, graceMs) : serving.stop(graceMs));
      lines.close(stateDir);
    },

    forget(containerId) {
      const found = state.find(containerId);
      if (found?.record.group !== undefined) rmSync(state.processDirectoryOf(found.sandboxId, found.record), { recursive: true, force: true });
    },

    entered(containerId) {
      const { sandbox, record } = find(containerId);
      if (stateOf(sandbox.id, record).state !== "running") throw new Error(`container ${record.name} does not run`);
      return { host: around.host, ...images.moduleOf(record), record, directory: state.directoryOf(sandbox.id, record.id) };
    },

    close() {
      watch.close();
      for (const serving of onDemand.values()) serving.then((it) => it.release()).catch(() => {});
      lines.closeAll();
    },
  };
}
