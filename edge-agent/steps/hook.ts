/** What postStart and preStop can be: a command, a request, a connection (which nobody makes any more), a pause. */
import { sleep } from "../../core/api/clock.ts";
import type { Container, EphemeralContainer, LifecycleHandler } from "../../core/api/types.gen.ts";
import { httpGet, httpTarget } from "../probes/http-get.ts";
import type { StepContext } from "./executor.ts";

export interface Hook {
  readonly handler: LifecycleHandler;
  readonly container: Container | EphemeralContainer;
  readonly containerId: string;
  /** aborts when nobody waits for the hook any more */
  readonly signal: AbortSignal;
}

/** Hooks have no time limit of their own; a command that outlives a pod's longest life is of no use. */
const LONGEST_MS = 24 * 3_600_000;

/** Resolves when the hook has succeeded. @throws Error when it failed or was given up */
export async function runHook({ device, runtime, running, pod }: StepContext, { handler, container, containerId, signal }: Hook): Promise<void> {
  if (handler.exec !== undefined) {
    const command = handler.exec.command ?? [];
    if (runtime.run === undefined) throw new Error(`the ${runtime.handler} runtime cannot run commands in a container`);
    const { exitCode, output } = await runtime.run(containerId, { command, timeoutMs: LONGEST_MS, signal });
    if (exitCode !== 0) throw new Error(`command '${command.join(" ")}' exited with ${exitCode ?? "no code"}: ${Buffer.from(output).toString("utf8")}`);
    return;
  }
  if (handler.httpGet !== undefined) {
    const ip = (pod?.spec?.hostNetwork === true ? device.hostIPs()[0] : running?.ips[0]) ?? "";
    // any answer will do: the request is the message
    await httpGet(httpTarget(handler.httpGet, { ip, ports: container.ports ?? [], agent: "kube-lifecycle" }), signal);
    return;
  }
  if (handler.sleep !== undefined) return sleep(device.clock, handler.sleep.seconds * 1000, signal);
  throw new Error("invalid handler: neither exec, httpGet nor sleep");
}
