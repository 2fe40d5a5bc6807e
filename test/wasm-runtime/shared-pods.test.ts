import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import test from "ava";
import type { Container, Pod } from "../../core/api/types.gen.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import type { Runtime } from "../../edge-agent/runtimes/runtime.ts";
import { componentState } from "../../wasm-runtime/process.ts";
import { usageOfShared } from "../../wasm-runtime/shared-process.ts";
import { command, digestOf, spins, transpiled } from "./support/components.ts";
import { device, examples, keys, planOf, podOf } from "./support/pods.ts";

const sandboxOptions = { logDirectory: "/", attempt: 0, hostname: "", dns: { servers: [], searches: [], options: [] } };
const sharing = (name: string, containers: readonly Container[], namespace = "default", annotations = {}): Pod => {
  const pod = podOf(name, containers);
  return { ...pod, metadata: { ...pod.metadata, namespace, annotations: { "wasi.lichen.dev/process": "shared", ...annotations } } };
};
const image = (name: string): Container => ({ name, image: `registry.lichen.internal/${name}:1` });

/** the examples, and one that never gives way */
const source: typeof examples = {
  async fetch(reference, options) {
    if (!reference.includes("/spinner:")) return examples.fetch(reference, options);
    const component = await command(spins);
    const { bytes, header } = await transpiled(component);
    const digests = { componentDigest: digestOf(component), moduleDigest: digestOf(bytes) };
    return { descriptor: { ...digests, size: bytes.length, world: header.world, imports: header.imports, signature: keys.sign(digests) }, bytes };
  },
};

async function start(runtime: Runtime, directory: string, pod: Pod, attempt = 0) {
  const sandbox = await runtime.startSandbox(pod, sandboxOptions);
  const [container] = pod.spec?.containers ?? [];
  if (container === undefined) throw new Error("no container");
  const found = (await runtime.image(container.image ?? "")) ?? (await runtime.pullImage(container.image ?? "", { pod, secrets: [], signal: AbortSignal.timeout(60_000) }));
  const id = await runtime.createContainer(sandbox, planOf(directory, pod, container, found, { attempt }));
  await runtime.startContainer(id);
  return id;
}

/** A new agent listens a moment after it was made. */
async function listens(host: string, port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, host);
    const told = await Promise.race([once(socket, "connect").then(() => true), once(socket, "close").then(() => false)]).catch(() => false);
    socket.destroy();
    if (told) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const pidOf = (directory: string, group: string) => (JSON.parse(readFileSync(join(directory, "shared", group, "process.json"), "utf8")) as { pid: number }).pid;
const stateOf = (directory: string, group: string, id: string) => componentState(join(directory, "shared", group, "components", id));

test("pods of a namespace that ask for it share a process, those of another have theirs, and it lives through the agent", async (t) => {
  const { runtime, directory, open } = device(t);
  const first = await start(runtime, directory, sharing("one", [image("hello")]));
  const second = await start(runtime, directory, sharing("two", [image("ticker")]));
  const other = await start(runtime, directory, sharing("three", [image("hello")], "other"));
  const own = await start(runtime, directory, podOf("four", [image("ticker")]));
  const pids = [stateOf(directory, "default", first), stateOf(directory, "default", second), stateOf(directory, "other", other)].map((state) => (state.state === "running" ? state.running.pid : 0));
  t.is(pids[0], pids[1]);
  t.not(pids[0], pids[2]);
  await runtime.close();
  const next = open();
  t.teardown(() => next.close());
  t.deepEqual((await next.pods()).map(({ name, containers }) => [name, containers[0]?.state]).toSorted(), [["four", "running"], ["one", "running"], ["three", "running"], ["two", "running"]]);
  const ip = (await next.pods()).find(({ name }) => name === "one")?.ips[0];
  t.regex(await (await fetch(`http://${ip}:8080/`)).text(), /^hello from one/);
  await next.stopContainer(second, 1);
  t.like((await next.pods()).find(({ name }) => name === "two")?.containers[0], { state: "exited", exitCode: 143 });
  t.like((await next.pods()).find(({ name }) => name === "one")?.containers[0], { state: "running" });
  await next.removeContainer(own);
});

test("who does not give way is named and gets a process of its own; its neighbours are without blame", async (t) => {
  const clock = virtualClock(Date.now());
  const { runtime, directory } = device(t, { clock, source });
  const neighbour = await start(runtime, directory, sharing("neighbour", [image("hello")]));
  await start(runtime, directory, sharing("spinner", [image("spinner")]));
  const pid = pidOf(directory, "default");
  while (!readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("busy")) await new Promise((resolve) => setTimeout(resolve, 20));
  const seen = new Promise<void>((resolve) => runtime.changes(() => resolve()));
  await clock.advance(60_000);
  await seen;
  const containers = new Map((await runtime.pods()).map((pod) => [pod.name, pod.containers[0]]));
  t.like(containers.get("neighbour"), { state: "exited", reason: "SharedProcessEnded", blameless: true });
  t.regex(containers.get("neighbour")?.message ?? "", /did not give way|without giving way/);
  t.like(containers.get("spinner"), { state: "exited", exitCode: 137, reason: "Error" });
  t.is(containers.get("spinner")?.blameless, undefined);
  const again = await start(runtime, directory, sharing("neighbour", [image("hello")]), 1);
  await start(runtime, directory, sharing("spinner", [image("spinner")]), 1);
  t.is(stateOf(directory, "default", again).state, "running");
  t.not(pidOf(directory, "default"), pid);
  const spinner = (await runtime.pods()).find(({ name }) => name === "spinner")?.containers.find(({ attempt }) => attempt === 1);
  t.is(spinner?.state, "running");
  t.is(stateOf(directory, "default", spinner?.id ?? "").state, "created");
  t.not(neighbour, again);
});

test("what cannot share says so", async (t) => {
  const { runtime, directory } = device(t);
  const large = { ...image("hello"), resources: { limits: { memory: "1Gi" } } };
  await t.throwsAsync(start(runtime, directory, sharing("large", [large])), { message: /remove the pod's annotation wasi.lichen.dev\/process/ });
  await t.throwsAsync(start(runtime, directory, sharing("board", [image("hello")], "default", { "wasi.lichen.dev/gpio": "1:in" })), { message: /hardware devices/ });
  await t.throwsAsync(start(runtime, directory, sharing("wrong", [image("hello")], "default", { "wasi.lichen.dev/process": "both" })), { message: /must be "own" or "shared"/ });
});

test("a pod that sleeps stays as it is, through the agent's restart, and answers whoever asks", async (t) => {
  const { runtime, directory, open } = device(t);
  const sleeper = podOf("sleeper", [image("hello")]);
  await start(runtime, directory, { ...sleeper, metadata: { ...sleeper.metadata, annotations: { "wasi.lichen.dev/scale-to-zero-after": "200ms" } } });
  const asleep = async (of: Runtime) => {
    const alive = setInterval(() => {}, 60_000);
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        const stop = of.changes(() => (stop(), resolve()));
      });
      const [pod] = await of.pods();
      if (pod?.containers[0]?.asleep === true) return void clearInterval(alive);
      await changed;
    }
  };
  await asleep(runtime);
  const [pod] = await runtime.pods();
  t.like(pod, { ready: true, containers: [{ state: "running" }] });
  t.regex(await (await fetch(`http://${pod?.ips[0]}:8080/`, { headers: { connection: "close" } })).text(), /^hello from sleeper/);
  await asleep(runtime);
  await runtime.close();
  const next = open();
  t.teardown(() => next.close());
  await listens(pod?.ips[0] ?? "", 8080);
  t.regex(await (await fetch(`http://${pod?.ips[0]}:8080/`, { headers: { connection: "close" } })).text(), /^hello from sleeper/);
  t.is((await next.pods())[0]?.containers[0]?.id, pod?.containers[0]?.id);
  await next.removeSandbox(pod?.sandboxId ?? "");
});

test("an idle component of a shared process gives back its memory, and has it again when asked", async (t) => {
  const { runtime, directory } = device(t);
  await start(runtime, directory, sharing("sleeper", [image("hello")], "default", { "wasi.lichen.dev/scale-to-zero-after": "100ms" }));
  const [pod] = await runtime.pods();
  const used = async () => Object.values((await usageOfShared(join(directory, "shared", "default"))) ?? {})[0]?.memoryBytes;
  t.regex(await (await fetch(`http://${pod?.ips[0]}:8080/`)).text(), /^hello from sleeper/);
  while ((await used()) !== 0) await new Promise((resolve) => setTimeout(resolve, 20));
  t.regex(await (await fetch(`http://${pod?.ips[0]}:8080/`)).text(), /^hello from sleeper/);
});
