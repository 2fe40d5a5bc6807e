import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test from "ava";
import type { Container } from "../../core/api/types.gen.ts";
import { ImageError } from "../../edge-agent/runtimes/runtime.ts";
import type { Runtime } from "../../edge-agent/runtimes/runtime.ts";
import { addressRange, freeAddress } from "../../edge-agent/network/address-range.ts";
import { keyPair } from "./support/components.ts";
import { device, planOf, podOf } from "./support/pods.ts";

const hello = { name: "web", image: "registry.lichen.internal/hello:1" };
const ticker = { name: "tick", image: "registry.lichen.internal/ticker:1" };

const sandboxOptions = (attempt: number) => ({ logDirectory: "/", attempt, hostname: "", dns: { servers: [], searches: [], options: [] } });

const pull = (runtime: Runtime, container: Container) =>
  runtime.pullImage(container.image ?? "", { pod: podOf("any", [container]), secrets: [], signal: AbortSignal.timeout(60_000) });

async function start(runtime: Runtime, directory: string, name: string, containers: readonly Container[], more = {}) {
  const pod = podOf(name, containers);
  const sandbox = await runtime.startSandbox(pod, sandboxOptions(0));
  const ids: string[] = [];
  for (const container of containers) {
    const image = (await runtime.image(container.image ?? "")) ?? (await pull(runtime, container));
    const id = await runtime.createContainer(sandbox, planOf(directory, pod, container, image, more));
    await runtime.startContainer(id);
    ids.push(id);
  }
  return { pod, sandbox, ids };
}

const podNamed = async (runtime: Runtime, name: string) => {
  const found = (await runtime.pods()).find((pod) => pod.name === name);
  if (found === undefined) throw new Error(`there is no pod ${name}`);
  return found;
};

/** Resolves when the pod's first container has ended. */
const end = async (runtime: Runtime, name: string) => {
  const alive = setInterval(() => {}, 60_000);
  try {
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        const stop = runtime.changes(() => {
          stop();
          resolve();
        });
      });
      const container = (await podNamed(runtime, name)).containers[0];
      if (container?.state === "exited") return container;
      await changed;
    }
  } finally {
    clearInterval(alive);
  }
};

test("figures of a pod are those of its components' processes", async (t) => {
  const { runtime, directory } = await device(t);
  const { pod, ids } = await start(runtime, directory, "figures", [hello, { ...ticker, name: "tick" }]);
  const [usage, ...others] = (await runtime.usage?.()) ?? [];
  t.deepEqual(others, []);
  t.is(usage?.uid, pod.metadata.uid);
  t.is(usage?.processes, 2);
  t.deepEqual(usage?.containers.map(({ id, name }) => [id, name]).toSorted(), [[ids[0], "web"], [ids[1], "tick"]].toSorted());
  t.true((usage?.cpu ?? 0) > 0, "starting alone takes some");
  t.true((usage?.workingSet ?? 0) > 2 ** 20 && (usage?.workingSet ?? 0) <= (usage?.memory ?? 0));
  await Promise.all(ids.map((id) => runtime.stopContainer(id, 0)));
  t.is((await runtime.usage?.())?.[0]?.processes, 0);
});

test("pods have addresses of their own, so that all of them can use one port", async (t) => {
  const { runtime, directory } = device(t);
  await Promise.all([start(runtime, directory, "a", [hello]), pull(runtime, ticker)]);
  await start(runtime, directory, "b", [hello]);
  const answers = await Promise.all(
    ["a", "b"].map(async (name) => {
      const { ips } = await podNamed(runtime, name);
      t.regex(ips[0] ?? "", /^127\./);
      return (await fetch(`http://${ips[0]}:8080/`)).text();
    }),
  );
  t.deepEqual(answers, ["hello from a\n", "hello from b\n"]);
  const [image] = await runtime.images();
  t.deepEqual(image?.tags.length, 1);
  t.regex((await podNamed(runtime, "a")).containers[0]?.imageId ?? "", /^registry\.lichen\.internal\/hello@sha256:/);
});

test("containers listen where their ports say, also on the device's address", async (t) => {
  const { runtime, directory } = device(t, { nodeAddress: "127.0.0.1" });
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const hostPort = (probe.address() as AddressInfo).port;
  await new Promise((resolve) => probe.close(resolve));
  await start(runtime, directory, "p", [{ ...hello, ports: [{ containerPort: 9090, hostPort }], env: [{ name: "MESSAGE", value: "hi" }] }]);
  const { ips } = await podNamed(runtime, "p");
  for (const at of [`${ips[0]}:9090`, `127.0.0.1:${hostPort}`]) t.is(await (await fetch(`http://${at}/`)).text(), "hi from p\n");
});

test("pods outlive the agent, and the next one sees how they end", async (t) => {
  const { runtime, directory, open } = device(t);
  const { ids, sandbox } = await start(runtime, directory, "long", [hello, { ...ticker, env: [{ name: "INTERVAL_MS", value: "50" }] }]);
  const before = await podNamed(runtime, "long");
  await runtime.close();
  const next = open();
  t.teardown(() => next.close());
  t.deepEqual(await podNamed(next, "long"), before);
  t.is(await next.startSandbox(podOf("long", [hello]), sandboxOptions(1)), sandbox);
  t.is((await fetch(`http://${before.ips[0]}:8080/`)).status, 200);

  const ended = end(next, "long");
  await next.stopContainer(ids[0] ?? "", 5);
  t.like(await ended, { state: "exited", exitCode: 0, reason: "Completed" });
  await next.stopSandbox(sandbox);
  const stopped = await podNamed(next, "long");
  t.false(stopped.ready);
  t.deepEqual(stopped.containers.map(({ state }) => state), ["exited", "exited"]);
  t.like(stopped.containers.find(({ name }) => name === "tick"), { exitCode: 137, reason: "Error" });
  await next.removeSandbox(sandbox);
  t.deepEqual(await next.pods(), []);
});

test("a pod whose sandbox died gets another one, and keeps its ended containers until they are removed", async (t) => {
  const { runtime, directory } = device(t);
  const first = await start(runtime, directory, "again", [hello]);
  await runtime.stopSandbox(first.sandbox);
  const second = await runtime.startSandbox(first.pod, { ...sandboxOptions(1), hostname: "named" });
  const pod = await podNamed(runtime, "again");
  t.like(pod, { sandboxId: second, attempt: 1, ready: true, earlierSandboxes: [first.sandbox] });
  t.like(pod.containers, { length: 1, 0: { id: first.ids[0], sandboxId: first.sandbox, state: "exited" } });
  const id = await runtime.createContainer(second, planOf(directory, first.pod, hello, await pull(runtime, hello), { attempt: 1 }));
  await runtime.startContainer(id);
  t.is(await (await fetch(`http://${pod.ips[0]}:8080/`)).text(), "hello from named\n");
  await runtime.removeSandbox(first.sandbox);
  t.is((await podNamed(runtime, "again")).earlierSandboxes, undefined);
});

test("a command's end comes with code, reason and times, and is hinted at", async (t) => {
  const { runtime, directory } = device(t);
  await start(runtime, directory, "job", [{ ...ticker, env: [{ name: "TICKS", value: "2" }, { name: "INTERVAL_MS", value: "1" }, { name: "EXIT_CODE", value: "3" }] }]);
  const ended = await end(runtime, "job");
  t.like(ended, { state: "exited", exitCode: 3, reason: "Error" });
  t.true((ended.finishedAt ?? 0) >= (ended.startedAt ?? Infinity));
  t.regex(readFileSync(join(directory, "logs/job-tick.log"), "utf8"), /stdout F tick 2\n$/);
});

test("a memory limit below what the component begins with is OOMKilled at start", async (t) => {
  const { runtime, directory } = device(t);
  await t.throwsAsync(start(runtime, directory, "small", [{ ...hello, resources: { limits: { memory: "65536" } } }]), { message: /begins with 131072 bytes of memory/ });
  t.like((await podNamed(runtime, "small")).containers[0], { state: "exited", exitCode: 137, reason: "OOMKilled" });
});

test("volumes that are directories are granted, and a pod that has none has no files", async (t) => {
  const { runtime, directory } = device(t);
  const volume = join(directory, "volume");
  mkdirSync(volume);
  writeFileSync(join(directory, "hosts"), "");
  const mounts = [
    { containerPath: "/data", hostPath: volume, readOnly: false },
    { containerPath: "/etc/hosts", hostPath: join(directory, "hosts"), readOnly: true },
  ];
  await start(runtime, directory, "v", [hello], { mounts });
  const { ips } = await podNamed(runtime, "v");
  t.is((await fetch(`http://${ips[0]}:8080/`)).status, 200);
});

test("a program is entered as a fresh instance with the container's grants", async (t) => {
  const { runtime, directory } = device(t);
  const { ids } = await start(runtime, directory, "e", [{ ...ticker, env: [{ name: "TICKS", value: "2" }, { name: "INTERVAL_MS", value: "60000" }] }]);
  const session = await runtime.exec?.(ids[0] ?? "", { command: ["ticker"], tty: false, stdin: false });
  const first = await session?.stdout[Symbol.asyncIterator]().next();
  t.is(Buffer.from((first?.value ?? []) as Uint8Array).toString(), "tick 1\n");
  await session?.close();
  t.is((await podNamed(runtime, "e")).containers[0]?.state, "running");
  await start(runtime, directory, "s", [hello]);
  const service = (await podNamed(runtime, "s")).containers[0]?.id ?? "";
  const refused = await runtime.exec?.(service, { command: ["health"], tty: false, stdin: false });
  const told: Uint8Array[] = [];
  for await (const part of refused?.stderr ?? []) told.push(part);
  t.is(await refused?.exitCode, 127);
  t.regex(Buffer.concat(told).toString(), /exports no function "health"/);
});

test("an annotation that is not understood keeps the component from starting", async (t) => {
  const { runtime, directory } = device(t);
  const image = await pull(runtime, hello);
  const create = async (annotations: Record<string, string>) => {
    const pod = { ...podOf("annotated", [hello]), metadata: { name: "annotated", namespace: "default", uid: "uid-annotated", annotations } };
    return runtime.createContainer(await runtime.startSandbox(pod, sandboxOptions(0)), planOf(directory, pod, hello, image));
  };
  await t.throwsAsync(create({ "wasi.lichen.dev/allow-outbound": "everything" }), { message: /allow-outbound: "everything" is not an endpoint/ });
  await t.throwsAsync(create({ "wasi.lichen.dev/allow-all": "true" }), { message: /there is no such grant; known are allow-outbound/ });
  await t.throwsAsync(create({ "wasi.lichen.dev/request-timeout": "forever" }), { message: /not a duration/ });
  await t.notThrowsAsync(create({ "wasi.lichen.dev/allow-outbound": "10.0.0.1:80", "wasi.lichen.dev/allow-listen": "udp:5353", "wasi.lichen.dev/request-timeout": "5s", "wasi.lichen.dev/instance": "fresh", "other.dev/x": "y" }));
});

test("modules that nobody trusted signed are not kept", async (t) => {
  const { runtime, open } = device(t, { publicKeys: () => [keyPair().publicPem] });
  const error = await t.throwsAsync(pull(runtime, hello), { instanceOf: ImageError });
  t.is(error?.reason, "SignatureValidationFailed");
  t.deepEqual(await open().images(), []);
  t.is((await t.throwsAsync(pull(runtime, { name: "x", image: "absent:1" }), { instanceOf: ImageError }))?.reason, "ErrImagePull");
});

test("a damaged module is noticed and can be pulled again", async (t) => {
  const { runtime, directory } = device(t);
  const image = await pull(runtime, hello);
  const { readdirSync } = await import("node:fs");
  const file = readdirSync(join(directory, "modules")).find((name) => name.endsWith(".module")) ?? "";
  const path = join(directory, "modules", file);
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  t.is(await runtime.image(hello.image), undefined);
  t.deepEqual(await pull(runtime, hello), image);
  t.deepEqual(await runtime.image(hello.image), image);
});

test("the cache drops what was used least recently, never what runs", async (t) => {
  const { runtime, directory } = device(t, { maxModuleBytes: 320_000 });
  await pull(runtime, ticker);
  await start(runtime, directory, "a", [hello]);
  t.is(await runtime.image(ticker.image), undefined);
  const error = await t.throwsAsync(pull(runtime, ticker), { instanceOf: ImageError });
  t.regex(error?.message ?? "", /in use by running components/);
  t.not(await runtime.image(hello.image), undefined);
});

test("addresses come from the range, each once", (t) => {
  const range = addressRange("127.77.0.0/30");
  const taken = new Set<string>();
  for (const expected of ["127.77.0.1", "127.77.0.2"]) {
    const address = freeAddress(range, taken);
    t.is(address, expected);
    taken.add(address);
  }
  t.throws(() => freeAddress(range, taken), { message: /no pod address is free/ });
  for (const wrong of ["127.0.0.1", "127.0.0.0/33", "x/8", "999.0.0.0/16"]) t.throws(() => addressRange(wrong), { message: /is not an IPv4 range/ });
});
