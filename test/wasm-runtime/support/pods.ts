/** The wasi runtime over real processes, and pods for it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { systemClock } from "../../../core/api/clock.ts";
import { silentLog } from "../../../core/api/log.ts";
import type { Container, Pod } from "../../../core/api/types.gen.ts";
import type { ContainerPlan, ImageOnDevice } from "../../../edge-agent/runtimes/runtime.ts";
import { messageBus } from "../../../edge-agent/message-bus.ts";
import { ImageError } from "../../../edge-agent/runtimes/runtime.ts";
import type { ComponentSource } from "../../../edge-agent/runtimes/wasi/component-source.ts";
import { wasiRuntime } from "../../../edge-agent/runtimes/wasi/wasi.ts";
import type { WasiRuntimeOptions } from "../../../edge-agent/runtimes/wasi/wasi.ts";
import { digestOf, example, keyPair, transpiled } from "./components.ts";

export const keys = keyPair();

/** What a server would answer for the example components. */
export const examples: ComponentSource = {
  async fetch(reference) {
    const name = /^registry\.lichen\.internal\/(hello|ticker|[a-z]+\/[a-z0-9]+):/.exec(reference)?.[1];
    if (name === undefined) throw new ImageError("ErrImagePull", `there is no image ${reference}`);
    const component = example(name);
    const { bytes, header } = await transpiled(component);
    const digests = { componentDigest: digestOf(component), moduleDigest: digestOf(bytes) };
    return { descriptor: { ...digests, size: bytes.length, world: header.world, imports: header.imports, signature: keys.sign(digests) }, bytes };
  },
};

export function device(t: ExecutionContext, more: Partial<WasiRuntimeOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "device-"));
  const open = (again: Partial<WasiRuntimeOptions> = {}) =>
    wasiRuntime({ dataDir: directory, source: examples, publicKeys: () => [keys.publicPem], clock: systemClock, log: silentLog, messages: messageBus(systemClock), ...more, ...again });
  const runtime = open();
  t.teardown(async () => {
    await runtime.close();
    const last = open();
    for (const { sandboxId } of await last.pods()) await last.removeSandbox(sandboxId);
    await last.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { directory, runtime, open };
}

export function podOf(name: string, containers: readonly Container[]): Pod {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", uid: `uid-${name}` }, spec: { containers } };
}

export function planOf(directory: string, pod: Pod, container: Container, image: ImageOnDevice, more: Partial<ContainerPlan> = {}): ContainerPlan {
  mkdirSync(join(directory, "logs"), { recursive: true });
  return {
    pod, container, image,
    attempt: 0,
    command: [],
    args: [],
    env: (container.env ?? []).map(({ name, value }) => ({ name, value: value ?? "" })),
    mounts: [],
    logPath: join(directory, "logs", `${pod.metadata.name}-${container.name}.log`),
    specHash: "hash",
    annotations: {},
    ...more,
  };
}

export interface RunOptions extends Pick<ContainerPlan, "args">, Partial<Pick<ContainerPlan, "devices" | "mounts" | "env">> {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deviceRoot?: string;
}

/** Runs an example as the only container of a pod, on a device of its own, to its end. */
export async function runToEnd(t: ExecutionContext, name: string, { annotations = {}, deviceRoot, ...plan }: RunOptions) {
  const { runtime, directory } = device(t, deviceRoot === undefined ? {} : { deviceRoot });
  const container = { name: "main", image: `registry.lichen.internal/${name}:1` };
  const pod = { ...podOf("run", [container]), metadata: { name: "run", namespace: "default", uid: "uid-run", annotations } };
  const image = await runtime.pullImage(container.image, { pod, secrets: [], signal: AbortSignal.timeout(60_000) });
  const sandbox = await runtime.startSandbox(pod, { logDirectory: "/", attempt: 0, hostname: "", dns: { servers: [], searches: [], options: [] } });
  const id = await runtime.createContainer(sandbox, planOf(directory, pod, container, image, plan));
  const ended = new Promise<void>((resolve) => void runtime.changes(async () => ((await runtime.pods())[0]?.containers[0]?.state === "exited" ? resolve() : undefined)));
  const alive = setInterval(() => {}, 60_000);
  await runtime.startContainer(id);
  await ended.finally(() => clearInterval(alive));
  const { exitCode: code, reason, message } = (await runtime.pods())[0]?.containers[0] ?? {};
  const lines = readFileSync(join(directory, "logs", "run-main.log"), "utf8").split("\n");
  const of = (stream: string) => lines.flatMap((line) => new RegExp(`^\\S+ ${stream} F (.*)$`).exec(line)?.[1] ?? []).map((line) => `${line}\n`).join("");
  return { code, reason, message, stdout: of("stdout"), stderr: of("stderr") };
}
