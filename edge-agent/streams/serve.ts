/** Which stream request is served by what. One row per type; what a device cannot do is refused by name. */
import type { Clock } from "../../core/api/clock.ts";
import { ApiError } from "../../core/api/status.ts";
import type { PodStatus } from "../../core/api/types.gen.ts";
import type { DeviceStream, PodContainer, StreamRequest } from "../../core/api/streams.ts";
import { before, latest } from "../containers.ts";
import type { Observer } from "../observe.ts";
import type { PodDirectories } from "../pod-directories.ts";
import type { ExecSession } from "../runtimes/runtime.ts";
import { serveExec } from "./exec.ts";
import { serveLogs, type LogSource } from "./logs.ts";
import { servePortForward } from "./port-forward.ts";

export interface StreamParts {
  readonly observer: Observer;
  /** what the API is told of a pod */
  readonly status: (uid: string) => PodStatus | undefined;
  readonly directories: PodDirectories;
  readonly clock: Clock;
}

type Server = (request: StreamRequest, stream: DeviceStream) => Promise<void>;

export function streamServer({ observer, status, directories, clock }: StreamParts): Server {
  return async (request, stream) => {
    if (request.type === "portforward") return servePortForward(podAddress(observer, request.uid), request.port, stream);
    if (request.type === "exec") return serveExec(await startExec(observer, request), request, stream);
    if (request.type === "attach") throw new ApiError("BadRequest", "this device does not serve attach streams; use exec or logs");
    const source = logSource(observer, status, directories, request, request.previous === true);
    const ended = new AbortController();
    // the reader sends nothing; its end is ours
    void (async () => {
      try {
        const frames = stream.frames[Symbol.asyncIterator]();
        while ((await frames.next()).done !== true);
      } catch {
        // the link failed: nobody reads any more
      }
      ended.abort();
    })();
    await serveLogs(source, request, stream, clock, ended.signal);
    stream.close();
  };
}

/** @throws ApiError when the container has no log */
function logSource(observer: Observer, status: StreamParts["status"], directories: PodDirectories, target: PodContainer, previous: boolean): LogSource {
  const { namespace, pod: name, uid, container } = target;
  const running = observer.pods().get(uid)?.pod;
  const newest = latest(running, container);
  const chosen = previous && newest !== undefined ? before(running, container, newest.attempt) : newest;
  if (previous && chosen === undefined) throw new ApiError("BadRequest", `previous terminated container "${container}" in pod "${name}" not found`);
  if (chosen === undefined) throw new ApiError("BadRequest", `container "${container}" in pod "${name}" is waiting to start: ${whyWaiting(status(uid), container)}`);
  return {
    path: directories.log({ namespace, name, uid }, container, chosen.attempt),
    alive: () => latest(observer.pods().get(uid)?.pod, container)?.id === chosen.id && latest(observer.pods().get(uid)?.pod, container)?.state === "running",
  };
}

async function startExec(observer: Observer, request: Extract<StreamRequest, { type: "exec" }>): Promise<ExecSession> {
  const { uid, container, command, tty, stdin } = request;
  const observed = observer.pods().get(uid);
  const found = latest(observed?.pod, container);
  if (found?.state !== "running") throw new ApiError("InternalError", `container not found ("${container}")`);
  if (observed?.runtime.exec === undefined) throw new ApiError("BadRequest", `containers of runtime ${observed?.runtime.handler} cannot be entered`);
  try {
    return await observed.runtime.exec(found.id, { command, tty, stdin });
  } catch (error) {
    throw new ApiError("InternalError", `Internal error occurred: error executing command in container: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** @throws ApiError when the pod has no address */
function podAddress(observer: Observer, uid: string): string {
  const running = observer.pods().get(uid)?.pod;
  if (running?.ready !== true) throw new ApiError("BadRequest", "the pod is not running on this device");
  // pods in the device's network have no address of their own
  return running.ips[0] ?? "127.0.0.1";
}

function whyWaiting(status: PodStatus | undefined, container: string): string {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const reason = all.find(({ name }) => name === container)?.state?.waiting?.reason ?? "ContainerCreating";
  return reason === "ErrImagePull" || reason === "ImagePullBackOff" ? "trying and failing to pull image" : reason;
}
