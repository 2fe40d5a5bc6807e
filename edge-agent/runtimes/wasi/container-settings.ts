/** What a container's spec says of its process: environment, arguments, directories, ports, bounds. */
import { lstatSync } from "node:fs";
import type { Container } from "../../../core/api/types.gen.ts";
import type { Log } from "../../../core/api/log.ts";
import type { Preopen } from "../../../wasm-runtime/process.ts";
import { milli, whole } from "../../quantity.ts";
import type { ContainerPlan } from "../runtime.ts";
import type { ContainerRecord, SandboxRecord } from "./state.ts";

const DEFAULT_PORT = 8080;
/** For a container without a memory limit: a bound there must be, and few components need a tenth of it. */
const DEFAULT_MEMORY_BYTES = 256 << 20;

/** @param nodeAddress where host ports listen */
export function containerSettings(plan: ContainerPlan, sandbox: SandboxRecord, nodeAddress: string): Pick<ContainerRecord, "args" | "env" | "listen" | "memoryLimitBytes" | "cpuMillis"> {
  const { container, command, args } = plan;
  return {
    args: [...(command.length > 0 ? command : [container.name]), ...args],
    env: environmentOf(sandbox.hostname, plan),
    listen: listenOn(sandbox, container, nodeAddress),
    memoryLimitBytes: memoryOf(container),
    ...cpuOf(container),
  };
}

function environmentOf(hostname: string, plan: ContainerPlan): (readonly [string, string])[] {
  const env = plan.env.map(({ name, value }) => [name, value] as const);
  // container runtimes set it; programs rely on it
  return env.some(([name]) => name === "HOSTNAME") ? env : [["HOSTNAME", hostname], ...env];
}

/** WASI grants directories. A single file among the mounts (/etc/hosts, a subPath) has no counterpart and is left out. */
export function preopensOf(plan: ContainerPlan, log: Log): Preopen[] {
  return plan.mounts.flatMap(({ containerPath, hostPath, readOnly }) => {
    if (lstatSync(hostPath, { throwIfNoEntry: false })?.isDirectory() !== false) return [{ hostPath, guestPath: containerPath, readOnly }];
    log.debug({ pod: plan.pod.metadata.name, path: containerPath }, "a mount that is not a directory is not given to a component");
    return [];
  });
}

function listenOn(sandbox: SandboxRecord, container: Container, nodeAddress: string): { host: string; port: number }[] {
  const port = container.ports?.find(({ protocol }) => protocol === undefined || protocol === "TCP");
  const listen = [{ host: sandbox.ip, port: port?.containerPort ?? DEFAULT_PORT }];
  if (port?.hostPort !== undefined && port.hostPort > 0 && !sandbox.hostNetwork) listen.push({ host: port.hostIP ?? nodeAddress, port: port.hostPort });
  return listen;
}

export function memoryOf(container: Container): number {
  const limit = container.resources?.limits?.["memory"];
  return limit === undefined ? DEFAULT_MEMORY_BYTES : whole(String(limit));
}

function cpuOf(container: Container): { cpuMillis?: number } {
  const limit = container.resources?.limits?.["cpu"];
  return limit === undefined ? {} : { cpuMillis: milli(String(limit)) };
}
