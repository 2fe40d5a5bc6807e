/** Probes and lifecycle hooks: one handler each, of the kinds that the place allows. */
import type { ExecAction, GRPCAction, HTTPGetAction, Lifecycle, Probe, SleepAction, TCPSocketAction } from "../../types.gen.ts";
import { type Errors, check, forbidden, invalid, isEmpty, notSupported, required } from "./errors.ts";
import { notNegative, portNumber, portNumberOrName } from "./numbers.ts";
import { httpHeaderName } from "./text-rules.ts";

interface Handler {
  readonly exec?: ExecAction;
  readonly httpGet?: HTTPGetAction;
  readonly tcpSocket?: TCPSocketAction;
  readonly grpc?: GRPCAction;
  readonly sleep?: SleepAction;
}

function validateHandler(errors: Errors, path: string, handler: Handler, grace: number | undefined): void {
  let handlers = 0;
  const another = (name: keyof Handler): boolean => {
    if (handlers++ === 0) return true;
    forbidden(errors, `${path}.${name}`, "may not specify more than 1 handler type");
    return false;
  };
  if (handler.exec !== undefined && another("exec") && (handler.exec.command ?? []).length === 0) required(errors, `${path}.exec.command`);
  if (handler.httpGet !== undefined && another("httpGet")) httpGet(errors, `${path}.httpGet`, handler.httpGet);
  if (handler.tcpSocket !== undefined && another("tcpSocket")) portNumberOrName(errors, `${path}.tcpSocket.port`, handler.tcpSocket.port ?? 0);
  if (handler.grpc !== undefined && another("grpc")) portNumber(errors, `${path}.grpc.port`, handler.grpc.port ?? 0);
  if (handler.sleep !== undefined && another("sleep")) {
    const { seconds = 0 } = handler.sleep;
    const most = grace ?? 0;
    if (seconds < 0 || seconds > most) {
      invalid(errors, `${path}.sleep`, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${most})`);
    }
  }
  if (handlers === 0) required(errors, path, "must specify a handler type");
}

function httpGet(errors: Errors, path: string, { path: url, port, scheme, httpHeaders }: HTTPGetAction): void {
  if (isEmpty(url)) required(errors, `${path}.path`);
  portNumberOrName(errors, `${path}.port`, port ?? 0);
  if (scheme !== "HTTP" && scheme !== "HTTPS") notSupported(errors, `${path}.scheme`, scheme ?? "", ["HTTP", "HTTPS"]);
  for (const { name } of httpHeaders ?? []) check(errors, `${path}.httpHeaders`, name ?? "", httpHeaderName);
}

const COUNTS = ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] as const;

function validateProbe(errors: Errors, path: string, probe: Probe, grace: number | undefined): void {
  validateHandler(errors, path, probe, grace);
  for (const field of COUNTS) notNegative(errors, `${path}.${field}`, probe[field]);
  const { terminationGracePeriodSeconds: own } = probe;
  if (own !== undefined && own <= 0) invalid(errors, `${path}.terminationGracePeriodSeconds`, own, "must be greater than 0");
}

interface Probed {
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly lifecycle?: Lifecycle;
}

/** Lifecycle and the three probes of a container that lives as long as its pod. */
export function validateProbes(errors: Errors, path: string, container: Probed, grace: number | undefined): void {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  if (lifecycle !== undefined) {
    if (lifecycle.postStart !== undefined) validateHandler(errors, `${path}.lifecycle.postStart`, lifecycle.postStart, grace);
    if (lifecycle.preStop !== undefined) validateHandler(errors, `${path}.lifecycle.preStop`, lifecycle.preStop, grace);
  }
  if (livenessProbe !== undefined) {
    validateProbe(errors, `${path}.livenessProbe`, livenessProbe, grace);
    onlyOnce(errors, `${path}.livenessProbe`, livenessProbe);
  }
  if (readinessProbe !== undefined) {
    validateProbe(errors, `${path}.readinessProbe`, readinessProbe, grace);
    const { terminationGracePeriodSeconds: own } = readinessProbe;
    if (own !== undefined) invalid(errors, `${path}.readinessProbe.terminationGracePeriodSeconds`, own, "must not be set for readinessProbes");
  }
  if (startupProbe !== undefined) {
    validateProbe(errors, `${path}.startupProbe`, startupProbe, grace);
    onlyOnce(errors, `${path}.startupProbe`, startupProbe);
  }
}

function onlyOnce(errors: Errors, path: string, { successThreshold = 0 }: Probe): void {
  if (successThreshold !== 1) invalid(errors, `${path}.successThreshold`, successThreshold, "must be 1");
}

/** `lifecycle.stopSignal` is a matter of the whole container: it needs spec.os. */
export function validateStopSignal(errors: Errors, path: string, lifecycle: Lifecycle | undefined, os: string | undefined): void {
  const signal = lifecycle?.stopSignal;
  if (signal === undefined) return;
  if (os === undefined) forbidden(errors, `${path}.lifecycle.stopSignal`, "may not be set for containers with empty `spec.os.name`");
  else if (os === "windows" && signal !== "SIGTERM" && signal !== "SIGKILL") notSupported(errors, `${path}.lifecycle.stopSignal`, signal, ["SIGKILL", "SIGTERM"]);
}
