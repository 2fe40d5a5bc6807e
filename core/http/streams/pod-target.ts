/**
 * Which container of which node a stream goes to, and what the query asks of it. Pure: the pod comes in, a request to the
 * device comes out, and everything that is wrong has the words that kubectl users know.
 */
import type { Resource } from "../../api/client.ts";
import type { AnyObject } from "../../api/meta.ts";
import { badRequest, invalid } from "../../api/status.ts";
import type { FieldError } from "../../api/status.ts";
import type { LogOptions, PodContainer, Terminal } from "../../api/streams.ts";
import { AUTHENTICATED } from "../../api/user.ts";
import type { User } from "../../api/user.ts";
import { flag, integer, unsupported } from "../query.ts";

export const PODS: Resource = { group: "", version: "v1", plural: "pods" };

/** The server itself: it reads the pod for users who may see its log, or exec, and not the pod. */
export const serverItself: User = { name: "system:apiserver", groups: [AUTHENTICATED] };

interface Container {
  readonly name: string;
}

interface PodSpec {
  readonly nodeName?: string;
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly ephemeralContainers?: readonly Container[];
}

export interface PodView {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** "" until the pod is bound */
  readonly node: string;
  readonly phase: string;
  readonly spec: PodSpec;
}

export function podView(pod: AnyObject): PodView {
  const spec = (pod["spec"] ?? {}) as PodSpec;
  const status = (pod["status"] ?? {}) as { readonly phase?: string };
  const { namespace = "", name = "", uid = "" } = pod.metadata;
  return { namespace, name, uid, node: spec.nodeName ?? "", phase: status.phase ?? "", spec };
}

/** @throws ApiError BadRequest */
export function chooseContainer(pod: PodView, asked: string | null): PodContainer {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec;
  const at = { namespace: pod.namespace, pod: pod.name, uid: pod.uid };
  const [only] = containers;
  if (asked === null || asked === "") {
    if (only !== undefined && containers.length === 1) return { ...at, container: only.name };
    const names = (of: readonly Container[]) => `[${of.map((each) => each.name).join(" ")}]`;
    const others =
      (initContainers.length > 0 ? ` or one of the init containers: ${names(initContainers)}` : "") +
      (ephemeralContainers.length > 0 ? ` or one of the ephemeral containers: ${names(ephemeralContainers)}` : "");
    throw badRequest(`a container name must be specified for pod ${pod.name}, choose one of: ${names(containers)}${others}`);
  }
  if (![...containers, ...initContainers, ...ephemeralContainers].some((each) => each.name === asked)) {
    throw badRequest(`container ${asked} is not valid for pod ${pod.name}`);
  }
  return { ...at, container: asked };
}

/** @throws ApiError Invalid */
export function logOptions(query: URLSearchParams, pod: string): LogOptions {
  const sinceSeconds = integer(query, "sinceSeconds");
  const tailLines = integer(query, "tailLines");
  const limitBytes = integer(query, "limitBytes");
  const sinceTime = query.get("sinceTime") || undefined;
  const stream = query.get("stream") || undefined;
  const errors: FieldError[] = [];
  const wrong = (field: string, value: number, why: string) => errors.push({ type: "FieldValueInvalid", field, message: `Invalid value: ${value}: ${why}` });
  if (tailLines !== undefined && tailLines < 0) wrong("tailLines", tailLines, "must be greater than or equal to 0");
  if (limitBytes !== undefined && limitBytes < 1) wrong("limitBytes", limitBytes, "must be greater than 0");
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    errors.push({ type: "FieldValueForbidden", field: "[]", message: "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified" });
  } else if (sinceSeconds !== undefined && sinceSeconds < 1) wrong("sinceSeconds", sinceSeconds, "must be greater than 0");
  if (sinceTime !== undefined && Number.isNaN(Date.parse(sinceTime))) {
    throw badRequest(`parsing time ${JSON.stringify(sinceTime)} as "2006-01-02T15:04:05Z07:00": it is not an RFC 3339 time`);
  }
  if (stream !== undefined && stream !== "All" && stream !== "Stdout" && stream !== "Stderr") {
    errors.push(unsupported("stream", stream, ["All", "Stderr", "Stdout"]));
  } else if (tailLines !== undefined && (stream === "Stdout" || stream === "Stderr")) {
    errors.push({ type: "FieldValueForbidden", field: "[]", message: "Forbidden: `tailLines` and specific `stream` are mutually exclusive for now" });
  }
  if (errors.length > 0) throw invalid({ group: "", kind: "PodLogOptions" }, pod, errors);
  return {
    ...(flag(query, "follow") ? { follow: true } : {}),
    ...(flag(query, "previous") ? { previous: true } : {}),
    ...(flag(query, "timestamps") ? { timestamps: true } : {}),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(stream === "Stdout" || stream === "Stderr" ? { stream } : {}),
  };
}

export interface CommandOptions extends Terminal {
  readonly command: readonly string[];
}

/** Options of exec and attach; `command` is empty for attach. @throws ApiError */
export function commandOptions(query: URLSearchParams, pod: PodView, type: "exec" | "attach"): CommandOptions {
  if (pod.node === "") throw badRequest(`pod ${pod.name} does not have a host assigned`);
  const command = query.getAll("command");
  const tty = flag(query, "tty");
  const stdin = flag(query, "stdin");
  const stdout = flag(query, "stdout");
  // a terminal has one output
  const stderr = flag(query, "stderr") && !tty;
  if (!stdin && !stdout && !stderr) throw badRequest("you must specify at least one of stdin, stdout, stderr");
  if (type === "exec" && command.length === 0) throw badRequest("you must specify a command: command is a required query parameter");
  return { command, stdin, stdout, stderr, tty };
}
