/**
 * A runtime without processes: containers run until a test ends them. It keeps the rules that a real one keeps (ids,
 * sandboxes that hold containers, images that have to be pulled), so a plan that breaks one fails here too.
 */
import type { Clock } from "../../../core/api/clock.ts";
import type { Pod } from "../../../core/api/types.gen.ts";
import { isAlive } from "../../../edge-agent/containers.ts";
import {
  ImageError,
  type ContainerPlan,
  type ImageOnDevice,
  type RunningContainer,
  type RunningPod,
  type Runtime,
  type SandboxOptions,
} from "../../../edge-agent/runtimes/runtime.ts";

interface Sandbox {
  readonly id: string;
  readonly pod: { readonly uid: string; readonly namespace: string; readonly name: string };
  readonly attempt: number;
  readonly createdAt: number;
  ready: boolean;
  readonly ip: string;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface FakeRuntime extends Runtime {
  /** calls in order: "start web/a#0", "stop …", "pull …" */
  readonly calls: string[];
  readonly plans: ContainerPlan[];
  /** how a container behaves when it starts; default: it runs */
  behaviour: (container: string, attempt: number) => { readonly exitAfterMs: number; readonly exitCode: number; readonly blameless?: boolean } | undefined;
  /** why a container cannot be started, although it was created (no such command …); undefined: it can */
  refusesStart: (container: string) => string | undefined;
  /** what TERM does; default: exits 0 at once */
  onTerm: (container: string) => { readonly afterMs: number; readonly exitCode: number } | "ignore";
  /** what a command does; default: it succeeds at once */
  onRun: (container: string, command: string) => { readonly afterMs?: number; readonly exitCode: number; readonly output?: string };
  /** images that can be pulled; undefined: all */
  pullable: ReadonlySet<string> | undefined;
  /** the next calls of that kind fail with this message */
  readonly failures: Map<"startSandbox" | "createContainer" | "startContainer" | "pods", string>;
  end(container: string, exitCode: number): void;
  /** the runtime cannot say any more what became of it */
  lose(container: string): void;
  /** power cut: everything ends, sandboxes are not ready */
  reboot(): void;
  present(reference: string): void;
  containers(): readonly RunningContainer[];
  /** names of the pods that have a running container */
  running(): readonly string[];
}

export function fakeRuntime(clock: Clock, handler = "containerd"): FakeRuntime {
  const sandboxes = new Map<string, Sandbox>();
  const containers = new Map<string, Mutable<RunningContainer> & { sandboxId: string }>();
  const images = new Map<string, ImageOnDevice>();
  const listeners = new Set<(uid: string | undefined) => void>();
  const ending = new Map<string, () => void>();
  let nextId = 1;

  const changed = () => {
    for (const listener of listeners) listener(undefined);
  };
  const finish = (id: string, exitCode: number, blameless = false) => {
    const container = containers.get(id);
    if (container === undefined || !isAlive(container)) return;
    ending.get(id)?.();
    container.state = "exited";
    container.exitCode = exitCode;
    if (blameless) container.blameless = true;
    container.reason = exitCode === 0 ? "Completed" : "Error";
    container.finishedAt = clock.now();
    changed();
  };
  const fail = (kind: "startSandbox" | "createContainer" | "startContainer" | "pods") => {
    const message = fake.failures.get(kind);
    if (message !== undefined) throw new Error(message);
  };
  const imageOf = (reference: string): ImageOnDevice => ({
    id: `sha256:${Buffer.from(reference).toString("hex")}`, tags: [reference], digests: [`${reference}@sha256:0`], sizeBytes: 1000, pinned: false,
  });

  const fake: FakeRuntime = {
    handler,
    calls: [],
    plans: [],
    behaviour: () => undefined,
    onTerm: () => ({ afterMs: 0, exitCode: 0 }),
    onRun: () => ({ exitCode: 0 }),
    refusesStart: () => undefined,
    pullable: undefined,
    failures: new Map(),
    version: async () => `${handler}://1.0.0`,
    health: async () => undefined,
    async pods() {
      fail("pods");
      const newest = new Map<string, Sandbox>();
      for (const sandbox of sandboxes.values()) {
        const known = newest.get(sandbox.pod.uid);
        if (known === undefined || known.attempt < sandbox.attempt) newest.set(sandbox.pod.uid, sandbox);
      }
      return [...newest.values()].map((sandbox): RunningPod => {
        const same = [...sandboxes.values()].filter((each) => each.pod.uid === sandbox.pod.uid).map(({ id }) => id);
        return {
          ...sandbox.pod,
          sandboxId: sandbox.id,
          ready: sandbox.ready,
          ips: sandbox.ready ? [sandbox.ip] : [],
          createdAt: sandbox.createdAt,
          attempt: sandbox.attempt,
          containers: [...containers.values()].filter(({ sandboxId }) => same.includes(sandboxId)).map((container) => ({ ...container })),
          earlierSandboxes: same.filter((id) => id !== sandbox.id),
        };
      });
    },
    changes(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    image: async (reference) => images.get(reference),
    async pullImage(reference) {
      fake.calls.push(`pull ${reference}`);
      if (fake.pullable !== undefined && !fake.pullable.has(reference)) throw new ImageError("ErrImagePull", `${reference}: not found`);
      images.set(reference, imageOf(reference));
      return imageOf(reference);
    },
    images: async () => [...images.values()],
    async removeImage(id) {
      for (const [reference, image] of images) if (image.id === id) images.delete(reference);
    },
    async startSandbox(pod: Pod, { attempt }: SandboxOptions) {
      fail("startSandbox");
      const id = `s${nextId++}`;
      const { uid = "", namespace = "", name = "" } = pod.metadata;
      fake.calls.push(`sandbox ${name}#${attempt}`);
      sandboxes.set(id, { id, pod: { uid, namespace, name }, attempt, createdAt: clock.now(), ready: true, ip: `10.0.0.${nextId}` });
      changed();
      return id;
    },
    async stopSandbox(id) {
      const sandbox = sandboxes.get(id);
      if (sandbox === undefined) return;
      fake.calls.push(`stop-sandbox ${sandbox.pod.name}`);
      for (const container of containers.values()) if (container.sandboxId === id) finish(container.id, 137);
      sandbox.ready = false;
      changed();
    },
    async removeSandbox(id) {
      if (sandboxes.get(id)?.ready === true) throw new Error(`sandbox ${id} is still running`);
      for (const container of containers.values()) if (container.sandboxId === id) containers.delete(container.id);
      sandboxes.delete(id);
      changed();
    },
    async createContainer(sandboxId, plan) {
      fail("createContainer");
      if (sandboxes.get(sandboxId)?.ready !== true) throw new Error(`sandbox ${sandboxId} is not ready`);
      for (const other of containers.values()) {
        if (other.sandboxId === sandboxId && other.name === plan.container.name && other.attempt === plan.attempt) throw new Error(`name "${plan.container.name}_${plan.attempt}" is reserved`);
      }
      const id = `c${nextId++}`;
      fake.plans.push(plan);
      containers.set(id, {
        id, sandboxId, name: plan.container.name, attempt: plan.attempt, state: "created", image: plan.container.image ?? "", imageId: plan.image.digests[0] ?? plan.image.id,
        specHash: plan.specHash, createdAt: clock.now(),
      });
      changed();
      return id;
    },
    async startContainer(id) {
      fail("startContainer");
      const container = containers.get(id);
      if (container?.state !== "created") throw new Error(`container ${id} cannot be started: ${container?.state}`);
      fake.calls.push(`start ${container.name}#${container.attempt}`);
      const refusal = fake.refusesStart(container.name);
      if (refusal !== undefined) {
        Object.assign(container, { state: "exited", exitCode: 128, finishedAt: clock.now(), reason: "StartError", message: refusal });
        changed();
        throw new Error(refusal);
      }
      container.state = "running";
      container.startedAt = clock.now();
      const behaviour = fake.behaviour(container.name, container.attempt);
      if (behaviour !== undefined) ending.set(id, clock.after(behaviour.exitAfterMs, () => finish(id, behaviour.exitCode, behaviour.blameless)));
      changed();
    },
    stopContainer(id, graceSeconds) {
      const container = containers.get(id);
      if (container === undefined || !isAlive(container)) return Promise.resolve();
      fake.calls.push(`stop ${container.name} ${graceSeconds}`);
      const answer = fake.onTerm(container.name);
      const limit = graceSeconds * 1000;
      const [after, code] = answer === "ignore" || answer.afterMs > limit ? [limit, 137] : [answer.afterMs, answer.exitCode];
      return new Promise((resolve) => {
        clock.after(after, () => {
          finish(id, code);
          resolve();
        });
      });
    },
    run(id, { command, timeoutMs, signal }) {
      const container = containers.get(id);
      if (container?.state !== "running") return Promise.reject(new Error(`container ${id} is not running`));
      const text = command.join(" ");
      fake.calls.push(`run ${container.name} ${text}`);
      const { afterMs = 0, exitCode, output = "" } = fake.onRun(container.name, text);
      return new Promise((resolve) => {
        const cancel = clock.after(Math.min(afterMs, timeoutMs), () => resolve(afterMs > timeoutMs ? { exitCode: undefined, output: Buffer.alloc(0) } : { exitCode, output: Buffer.from(output) }));
        signal.addEventListener("abort", () => {
          cancel();
          resolve({ exitCode: undefined, output: Buffer.alloc(0) });
        });
      });
    },
    async resizeContainer(id, _pod, container) {
      fake.calls.push(`resize ${container.name} ${containers.get(id)?.attempt} ${JSON.stringify(container.resources)}`);
    },
    async removeContainer(id) {
      if (containers.get(id)?.state === "running") throw new Error(`container ${id} is running`);
      containers.delete(id);
      changed();
    },
    end(name, exitCode) {
      for (const container of containers.values()) if (container.name === name && container.state === "running") finish(container.id, exitCode);
    },
    lose(name) {
      for (const container of containers.values()) if (container.name === name && container.state === "running") container.state = "unknown";
      changed();
    },
    reboot() {
      for (const container of containers.values()) finish(container.id, 255);
      for (const sandbox of sandboxes.values()) sandbox.ready = false;
      changed();
    },
    present(reference) {
      images.set(reference, imageOf(reference));
    },
    running: () => [...sandboxes.values()].filter(({ id }) => [...containers.values()].some((one) => one.sandboxId === id && one.state === "running")).map(({ pod }) => pod.name),
    containers: () => [...containers.values()],
  };
  return fake;
}
