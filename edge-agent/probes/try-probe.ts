/** One try of a probe, whatever its kind. Never throws: what goes wrong is the outcome. */
import type { Container, Probe } from "../../core/api/types.gen.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import { probeGrpc } from "./grpc-health.ts";
import { httpTarget, probeHttp } from "./http-get.ts";
import type { Outcome } from "./outcome.ts";
import { portNumber } from "./ports.ts";
import { probeTcp } from "./tcp-connect.ts";

export interface ProbeTry {
  readonly probe: Probe;
  readonly container: Container;
  readonly containerId: string;
  readonly runtime: Runtime;
  /** of the pod */
  readonly ip: string;
  readonly timeoutSeconds: number;
  /** aborts after the timeout */
  readonly signal: AbortSignal;
}

/** What events show of a command's output. */
const MAX_OUTPUT = 10 * 1024;

export async function tryProbe({ probe, container, containerId, runtime, ip, timeoutSeconds, signal }: ProbeTry): Promise<Outcome> {
  const ports = container.ports ?? [];
  try {
    if (probe.exec !== undefined) return await probeExec({ runtime, containerId, command: probe.exec.command ?? [], timeoutSeconds }, signal);
    if (probe.httpGet !== undefined) return await probeHttp(httpTarget(probe.httpGet, { ip, ports, agent: "kube-probe" }), signal);
    if (probe.tcpSocket !== undefined) {
      const { host, port } = probe.tcpSocket;
      return await probeTcp({ host: host === undefined || host === "" ? ip : host, port: portNumber(port, ports) }, signal);
    }
    if (probe.grpc !== undefined) return await probeGrpc({ host: ip, action: probe.grpc, timeoutSeconds }, signal);
    return { result: "unknown", output: `missing probe handler for ${container.name}` };
  } catch (error) {
    return { result: "unknown", output: error instanceof Error ? error.message : String(error) };
  }
}

interface ExecTry {
  readonly runtime: Runtime;
  readonly containerId: string;
  readonly command: readonly string[];
  readonly timeoutSeconds: number;
}

async function probeExec({ runtime, containerId, command, timeoutSeconds }: ExecTry, signal: AbortSignal): Promise<Outcome> {
  if (runtime.run === undefined) return { result: "unknown", output: `the ${runtime.handler} runtime cannot run commands in a container` };
  const { exitCode, output } = await runtime.run(containerId, { command, timeoutMs: timeoutSeconds * 1000, signal });
  if (exitCode === undefined) return { result: "failure", output: `command timed out: "${command.join(" ")}" timed out after ${timeoutSeconds}s` };
  return { result: exitCode === 0 ? "success" : "failure", output: Buffer.from(output).toString("utf8").slice(0, MAX_OUTPUT) };
}
