/** Which stream request is served by what. One row per type; what a device cannot do is refused by name. */
import type { Socket } from "node:net";
import type { Clock } from "../../core/api/clock.ts";
import { ApiError } from "../../core/api/status.ts";
import type { PodStatus } from "../../core/api/types.gen.ts";
import type { DeviceStream, PodContainer, StreamRequest } from "../../core/api/streams.ts";
import { before, latest } from "../containers.ts";
import type { Observer } from "../observe.ts";
import type { PodDirectories } from "../pod-directories.ts";
import type { ExecSession } from "../runtimes/runtime.ts";
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

type Server = (request: StreamRequest, stream: DeviceStream) => Promise<void>;
type Of<T extends StreamRequest["type"]> = Extract<StreamRequest, { readonly type: T }>;

export function streamServer(parts: StreamParts): Server {
  const { observer, status, directories, clock, loopback } = parts;
  const kubelet = kubeletServer(parts.pages);
  const servers: { readonly [T in StreamRequest["type"]]: (request: Of<T>, stream: DeviceStream) => Promise<void> } = {
    portforward: (request, stream) => servePortForward(() => dialPod(observer, loopback, request.uid, request.port), request.port, stream),
    exec: async (request, stream) => serveExec(await startExec(observer, request), request, stream),
    attach: async (request, stream) => serveExec(await startAttach(observer, request), request, stream),
    kubelet: (_request, stream) => kubelet.connection(stream),
    usage: (_request, stream) => kubelet.usage(stream),
    async log(request, stream) {
      const source = logSource(observer, status, directories, request, request.previous === true);
      await serveLogs(source, request, stream, clock, endOf(stream));
      stream.close();
    },
  };
  return (request, stream) => servers[request.type](request as never, stream);
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

async function startAttach(observer: Observer, { uid, container, ...terminal }: Of<"attach">): Promise<ExecSession> {
  const observed = observer.pods().get(uid);
  const found = latest(observed?.pod, container);
  if (found?.state !== "running") throw new ApiError("InternalError", `container not found ("${container}")`);
  if (observed?.runtime.attach === undefined) throw new ApiError("BadRequest", `containers of runtime ${observed?.runtime.handler} cannot be attached to; use logs`);
  try {
    return await observed.runtime.attach(found.id, terminal);
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

function whyWaiting(status: PodStatus | undefined, container: string): string {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const reason = all.find(({ name }) => name === container)?.state?.waiting?.reason ?? "ContainerCreating";
  return reason === "ErrImagePull" || reason === "ImagePullBackOff" ? "trying and failing to pull image" : reason;
}
