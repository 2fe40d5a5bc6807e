/** Which stream request is served by what. One row per type; what a device cannot do is refused by name. */
import type { Socket } from "node:net";
import type { Clock } from "../../core/api/clock.ts";
import { ApiError } from "../../core/api/status.ts";
import type { PodStatus } from "../../core/api/types.gen.ts";
import type { DeviceStream, PodContainer, StreamRequest } from "../../core/api/streams.ts";
import { before, latest } from "../containers.ts";
import type { Observer } from "../observe.ts";
import type { PodDirectories } from "../pod-directories.ts";
import type { Serve } from "../../core/wire/accept-streams.ts";
import type { ExecSession, Runtime } from "../runtimes/runtime.ts";
import { serveExec } from "./exec.ts";
import type { KubeletPages } from "./kubelet-pages.ts";
import { serveLogs, type LogSource } from "./logs.ts";
import type { PodLoopback } from "./pod-loopback.ts";
import { connectTo, servePortForward } from "./port-forward.ts";
import { kubeletServer } from "./serve-kubelet.ts";

export interface StreamParts {
  readonly observer: Observer;
  /** what the API is told of a pod */
  readonly status: (uid: string) => PodStatus | undefined;
  readonly directories: PodDirectories;
  readonly clock: Clock;
  readonly pages: KubeletPages;
  readonly loopback: PodLoopback;
}

type Of<T extends StreamRequest["type"]> = Extract<StreamRequest, { readonly type: T }>;

/** @returns what chooses how a request is served, and throws ApiError for one that cannot be */
export function streamServer(parts: StreamParts): (request: StreamRequest) => Serve {
  const { observer, status, directories, clock, loopback } = parts;
  const kubelet = kubeletServer(parts.pages);
  const servers: { readonly [T in StreamRequest["type"]]: (request: Of<T>) => Serve } = {
    portforward: (request) => (stream) => servePortForward(() => dialPod(observer, loopback, request.uid, request.port), request.port, stream),
    exec(request) {
      const target = runningTarget(observer, request, `container not found ("${request.container}")`);
      return async (stream) => serveExec(await startExec(target, request), request, stream);
    },
    attach(request) {
      const target = runningTarget(observer, request, `container ${request.container} not found in pod ${request.pod}_${request.namespace}`);
      return async (stream) => serveExec(await startAttach(target, request), request, stream);
    },
    kubelet: () => (stream) => kubelet.connection(stream),
    usage: () => (stream) => kubelet.usage(stream),
    log(request) {
      const source = logSource(observer, status, directories, request, request.previous === true);
      return async (stream) => {
        await serveLogs(source, request, stream, clock, endOf(stream));
        stream.close();
      };
    },
  };
  return (request) => servers[request.type](request as never);
}

/** The reader of a log sends nothing; its end is ours. */
function endOf(stream: DeviceStream): AbortSignal {
  const ended = new AbortController();
  void (async () => {
    try {
      const frames = stream.frames[Symbol.asyncIterator]();
      while ((await frames.next()).done !== true);
    } catch {
      // the link failed: nobody reads any more
    }
    ended.abort();
  })();
  return ended.signal;
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

interface RunningTarget {
  readonly runtime: Runtime;
  readonly containerId: string;
}

/** @throws ApiError with `otherwise` when it does not run */
function runningTarget(observer: Observer, { uid, container }: PodContainer, otherwise: string): RunningTarget {
  const observed = observer.pods().get(uid);
  const found = latest(observed?.pod, container);
  if (observed === undefined || found?.state !== "running") throw new ApiError("InternalError", otherwise);
  return { runtime: observed.runtime, containerId: found.id };
}

async function startExec({ runtime, containerId }: RunningTarget, { command, tty, stdin }: Of<"exec">): Promise<ExecSession> {
  if (runtime.exec === undefined) throw new ApiError("BadRequest", `containers of runtime ${runtime.handler} cannot be entered`);
  try {
    return await runtime.exec(containerId, { command, tty, stdin });
  } catch (error) {
    throw new ApiError("InternalError", `Internal error occurred: error executing command in container: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function startAttach({ runtime, containerId }: RunningTarget, terminal: Of<"attach">): Promise<ExecSession> {
  if (runtime.attach === undefined) throw new ApiError("BadRequest", `containers of runtime ${runtime.handler} cannot be attached to; use logs`);
  try {
    return await runtime.attach(containerId, terminal);
  } catch (error) {
    throw new ApiError("InternalError", `Internal error occurred: error attaching to container: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * The pod's address is reached directly; what refuses there may listen on the pod's loopback alone, which is where a
 * kubelet connects to.
 */
async function dialPod(observer: Observer, loopback: PodLoopback, uid: string, port: number): Promise<Socket> {
  const observed = observer.pods().get(uid);
  if (observed?.pod.ready !== true) throw new Error("the pod is not running on this device");
  const { runtime, pod } = observed;
  const [address] = pod.ips;
  // pods in the device's network have no address of their own
  if (address === undefined) return connectTo("127.0.0.1", port);
  try {
    return await connectTo(address, port);
  } catch (error) {
    const namespace = await runtime.networkNamespace?.(pod.sandboxId);
    if (namespace === undefined) throw error;
    return loopback.connect(namespace, port);
  }
}

const WAITING: { readonly [reason: string]: string } = { ErrImagePull: "image can't be pulled", ImagePullBackOff: "trying and failing to pull image" };

function whyWaiting(status: PodStatus | undefined, container: string): string {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const reason = all.find(({ name }) => name === container)?.state?.waiting?.reason ?? "ContainerCreating";
  return WAITING[reason] ?? reason;
}
