/**
 * Components as pods, word by word: what a pod of containers can have, a pod of components has too. One server with one device,
 * real kubectl; the guests are `box` (small commands) and `service` (behaves as its path says).
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { glob as find } from "node:fs/promises";
import { join, resolve } from "node:path";
import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import test from "ava";
import type { Pod } from "../../core/api/types.gen.ts";
import { IMAGE_MANIFEST, WASM_CONFIG, WASM_LAYER, WASM_PLATFORM } from "../../core/artifacts/manifest.ts";
import { pushBlob, pushComponent, putManifest } from "../../core/artifacts/push.ts";
import { sendTo } from "../../core/artifacts/push-connection.ts";
import { connectionOf } from "../../core/cli/api-request.ts";
import { readAccess } from "../../core/cli/kubeconfig.ts";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { lichenUp, temporaryDirectory, type Up } from "../support/lichen.ts";

const root = resolve(import.meta.dirname, "../..");
const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
const host = temporaryDirectory(whole);
let up: Up;
let kubectl: Kubectl;

/** As a registry client would: whatever the bytes are. */
async function push(name: string, component: Uint8Array): Promise<void> {
  const connection = sendTo(connectionOf(readAccess({ dataDir: up.dataDir })));
  await pushComponent({ component, name: `${name}:1`, send: connection.send, created: "2026-01-01T00:00:00Z" }).finally(() => connection.close());
}

/** Whatever the bytes are, as another tool could. */
async function pushAsItIs(name: string, bytes: Uint8Array): Promise<void> {
  const connection = sendTo(connectionOf(readAccess({ dataDir: up.dataDir })));
  try {
    const layer = await pushBlob(connection.send, name, bytes, WASM_LAYER);
    const config = await pushBlob(connection.send, name, Buffer.from(JSON.stringify({ ...WASM_PLATFORM, layerDigests: [layer.digest] })), WASM_CONFIG);
    await putManifest(connection.send, name, "1", IMAGE_MANIFEST, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: IMAGE_MANIFEST, config, layers: [layer] })));
  } finally {
    connection.close();
  }
}

/** The only file of this name. */
async function glob(pattern: string): Promise<string> {
  for await (const path of find(pattern)) return path;
  throw new Error(`there is no ${pattern}`);
}

const guest = (path: string) => readFileSync(join(root, path));

test.before(async () => {
  up = await lichenUp(whole, { devices: ["wasi"], dataDir: temporaryDirectory(whole) });
  kubectl = await kubectlFor(up.kubeconfig);
  for (const name of ["box", "service"]) await push(name, guest(`test/wasm-runtime/guests/${name}.wasm`));
  await push("hello", guest("examples/components/hello/hello.wasm"));
  await push("ticker", guest("examples/components/ticker/ticker.wasm"));
});

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

type Spec = Record<string, unknown>;
const box = (name: string, args: readonly string[], more: Spec = {}) => ({ name, image: "registry.lichen.internal/box:1", args, ...more });

let applied = 0;

/** Applies a pod that is deleted with the test. */
async function pod(t: { teardown(end: () => Promise<unknown>): void }, name: string, spec: Spec, annotations: Record<string, string> = {}): Promise<void> {
  const file = join(host, `${++applied}.json`);
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name, annotations }, spec: { runtimeClassName: "wasi", terminationGracePeriodSeconds: 1, ...spec } }));
  await kubectl("apply", "-f", file);
  t.teardown(() => kubectl("delete", "pod", name, "--wait=false", "--ignore-not-found"));
}

const status = async (name: string) => (await kubectl.json<Pod>("get", "pod", name)).status;
const phase = (name: string, wanted: string) => eventually(`${name} is ${wanted}`, async () => (await status(name))?.phase === wanted);
const said = (name: string, text: string, ...flags: readonly string[]) => eventually(`${name} says ${text}`, async () => (await kubectl("logs", name, ...flags)).includes(text));
const ready = (name: string) => kubectl("wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s");
/** Events of the pod, as "Reason: message". */
const events = async (name: string) => (await kubectl("get", "events", "--field-selector", `involvedObject.name=${name}`, "-o", 'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}'));

test("environment, arguments and the downward API", async (t) => {
  const env = [{ name: "PLAIN", value: "grüß $(NODE)" }, { name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }, { name: "LIMIT", valueFrom: { resourceFieldRef: { resource: "limits.memory" } } }];
  await pod(t, "env", { restartPolicy: "Never", containers: [box("main", ["echo", "$(NODE)", "$$(NODE)", "then", "env"], { env, resources: { limits: { memory: "16Mi" } } })] });
  await phase("env", "Succeeded");
  const log = await kubectl("logs", "env");
  const node = (await kubectl.json<Pod>("get", "pod", "env")).spec?.nodeName;
  t.true(log.startsWith(`${node} $(NODE)\n`), log);
  for (const line of ["HOSTNAME=env", `NODE=${node}`, "LIMIT=16777216", "KUBERNETES_SERVICE_PORT=443"]) t.true(log.split("\n").includes(line), `${line} in ${log}`);
});

test("volumes: configMap, secret, emptyDir, hostPath and downward API; what is read-only is", async (t) => {
  await kubectl("create", "configmap", "settings", "--from-literal=mode=slow");
  await kubectl("create", "secret", "generic", "key", "--from-literal=token=hidden");
  t.teardown(() => kubectl("delete", "configmap/settings", "secret/key"));
  const hostPath = join(host, "data");
  mkdirSync(hostPath);
  writeFileSync(join(hostPath, "file"), "of the host");
  const mounts = ["settings", "key", "shared", "host", "about"].map((name) => ({ name, mountPath: `/${name}`, readOnly: name === "host" }));
  await pod(t, "volumes", {
    volumes: [
      { name: "settings", configMap: { name: "settings" } }, { name: "key", secret: { secretName: "key" } }, { name: "shared", emptyDir: {} },
      { name: "host", hostPath: { path: hostPath, type: "Directory" } }, { name: "about", downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
    ],
    initContainers: [box("first", ["write", "/shared/from-init", "made first"], { volumeMounts: mounts })],
    containers: [
      box("reads", ["cat", "/key/token", "then", "cat", "/host/file", "then", "cat", "/about/name", "then", "cat", "/shared/from-init", "then", "follow", "/settings/mode"], { volumeMounts: mounts }),
      box("writes", ["write", "/shared/out", "x", "then", "list", "/shared", "then", "write", "/host/file", "changed"], { volumeMounts: mounts }),
      box("tries", ["write", "/settings/mode", "changed"], { volumeMounts: mounts }),
    ],
  });
  await said("volumes", "now slow", "-c", "reads");
  t.true((await kubectl("logs", "volumes", "-c", "reads")).startsWith("hidden\nof the host\nvolumes\nmade first\n"));
  // live: the file is another one under the same name
  await kubectl("patch", "configmap", "settings", "-p", '{"data":{"mode":"fast"}}');
  await kubectl("annotate", "pod", "volumes", "poked=1");
  await said("volumes", "now fast", "-c", "reads");
  await said("volumes", "/host/file: ", "-c", "writes");
  t.regex(await kubectl("logs", "volumes", "-c", "writes"), /from-init\n[^]*Read-only file system|Operation not permitted|Permission denied/);
  await said("volumes", "/settings/mode: ", "-c", "tries");
  t.is(readFileSync(join(hostPath, "file"), "utf8"), "of the host");
});

test("a claim outlives the pod", async (t) => {
  const file = join(host, "claim.json");
  const directory = join(host, "volume");
  mkdirSync(directory);
  const volume = { apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "box" }, spec: { capacity: { storage: "1Mi" }, accessModes: ["ReadWriteOnce"], storageClassName: "none", hostPath: { path: directory } } };
  const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "box" }, spec: { accessModes: ["ReadWriteOnce"], storageClassName: "none", resources: { requests: { storage: "1Mi" } } } };
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: [volume, claim] }));
  await kubectl("apply", "-f", file);
  t.teardown(() => kubectl("delete", "-f", file, "--wait=false"));
  const holding = (args: readonly string[]) => ({ restartPolicy: "Never", volumes: [{ name: "kept", persistentVolumeClaim: { claimName: "box" } }], containers: [box("main", args, { volumeMounts: [{ name: "kept", mountPath: "/kept" }] })] });
  await pod(t, "claim-writes", holding(["write", "/kept/note", "remember"]));
  await phase("claim-writes", "Succeeded");
  await kubectl("delete", "pod", "claim-writes");
  await pod(t, "claim-reads", holding(["cat", "/kept/note"]));
  await phase("claim-reads", "Succeeded");
  t.is(await kubectl("logs", "claim-reads"), "remember\n");
});

test("init components run one after another, and a sidecar beside the rest", async (t) => {
  const volumeMounts = [{ name: "shared", mountPath: "/shared" }];
  await pod(t, "init", {
    restartPolicy: "Never",
    volumes: [{ name: "shared", emptyDir: {} }],
    initContainers: [
      box("one", ["write", "/shared/one", "1"], { volumeMounts }),
      box("side", ["cat", "/shared/one", "then", "write", "/shared/side", "up", "then", "sleep", "3600"], { volumeMounts, restartPolicy: "Always", startupProbe: { exec: { command: ["box", "cat", "/shared/side"] }, periodSeconds: 1 } }),
      box("two", ["cat", "/shared/side"], { volumeMounts }),
    ],
    containers: [box("main", ["list", "/shared"], { volumeMounts })],
  });
  await phase("init", "Succeeded");
  t.is(await kubectl("logs", "init", "-c", "two"), "up\n");
  t.deepEqual((await kubectl("logs", "init", "-c", "main")).trim().split("\n").filter((name) => !name.startsWith(".")).toSorted(), ["one", "side"]);
});

test("probes: http, tcp, and exec as another run of the program", async (t) => {
  const volumeMounts = [{ name: "shared", mountPath: "/shared" }];
  await pod(t, "probed", {
    volumes: [{ name: "shared", emptyDir: {} }],
    containers: [
      { name: "web", image: "registry.lichen.internal/hello:1", ports: [{ containerPort: 8080 }], readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 }, livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } },
      box("box", ["sleep", "3600"], { volumeMounts, readinessProbe: { exec: { command: ["box", "cat", "/shared/ready"] }, periodSeconds: 1, timeoutSeconds: 10 } }),
    ],
  });
  await eventually("the exec probe fails", async () => (await events("probed")).includes("Readiness probe failed: /shared/ready"));
  t.is((await status("probed"))?.containerStatuses?.find(({ name }) => name === "box")?.ready, false);
  await kubectl("exec", "probed", "-c", "box", "--", "box", "write", "/shared/ready", "yes");
  await ready("probed");
  t.deepEqual((await status("probed"))?.containerStatuses?.map(({ restartCount }) => restartCount), [0, 0]);
});

test("a liveness probe that fails restarts the component", async (t) => {
  await pod(t, "ill", { containers: [box("main", ["sleep", "3600"], { livenessProbe: { exec: { command: ["box", "fail"] }, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 10 } })] });
  await eventually("it was restarted", async () => ((await status("ill"))?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
  t.regex(await events("ill"), /Unhealthy: Liveness probe failed: failing/);
});

test("restart policies and exit codes", async (t) => {
  await pod(t, "never", { restartPolicy: "Never", containers: [{ name: "main", image: "registry.lichen.internal/ticker:1", env: [{ name: "TICKS", value: "1" }, { name: "INTERVAL_MS", value: "1" }, { name: "EXIT_CODE", value: "42" }] }] });
  await phase("never", "Failed");
  t.like((await status("never"))?.containerStatuses?.[0]?.state?.terminated, { exitCode: 42, reason: "Error" });
  await pod(t, "again", { restartPolicy: "OnFailure", containers: [box("main", ["fail"])] });
  await eventually("it is restarted, and held back", async () => {
    const [container] = (await status("again"))?.containerStatuses ?? [];
    return (container?.restartCount ?? 0) >= 1 && container?.state?.waiting?.reason === "CrashLoopBackOff";
  });
  t.like((await status("again"))?.containerStatuses?.[0]?.lastState?.terminated, { exitCode: 1, reason: "Error" });
  t.is(await kubectl("logs", "again", "--previous"), "failing\n");
  await pod(t, "trap", { restartPolicy: "Never", containers: [box("main", ["trap"])] });
  await phase("trap", "Failed");
  const trap = (await status("trap"))?.containerStatuses?.[0]?.state?.terminated;
  t.is(trap?.exitCode, 134);
  t.regex(trap?.message ?? "", /trapped/);
});

test("a grace period, then the end: a service ends in order, a program at once", async (t) => {
  await pod(t, "grace", { terminationGracePeriodSeconds: 30, containers: [{ name: "web", image: "registry.lichen.internal/hello:1" }, box("box", ["sleep", "3600"])] });
  await ready("grace");
  const began = performance.now();
  await kubectl("delete", "pod", "grace", "--timeout=60s");
  // neither waits for the grace period to pass
  t.true(performance.now() - began < 29_000);
});

test("limits: memory is exact and its end is told; the processor is a share", async (t) => {
  await pod(t, "limits", { restartPolicy: "Never", containers: [box("grow", ["grow"], { resources: { limits: { memory: "8Mi" } } }), box("spin", ["spin"], { resources: { limits: { cpu: "100m", memory: "8Mi" } } })] });
  await eventually("it is out of memory", async () => (await status("limits"))?.containerStatuses?.find(({ name }) => name === "grow")?.state?.terminated?.reason === "OOMKilled");
  t.is((await status("limits"))?.containerStatuses?.find(({ name }) => name === "grow")?.state?.terminated?.exitCode, 137);
  await said("limits", "spinning", "-c", "spin");
  const top = await eventually("the metrics of the pod", async () => {
    const text = await kubectl("top", "pod", "limits", "--containers", "--no-headers").catch(() => "");
    return text.includes("spin") ? text : undefined;
  });
  const [, cpu = "", memory = ""] = /spin\s+(\d+)m\s+(\d+)Mi/.exec(top) ?? [];
  t.true(Number(memory) > 0, top);
  if (process.getuid?.() === 0) t.true(Number(cpu) <= 130, top);
});

test("logs, exec and port-forward", async (t) => {
  await pod(t, "tools", { containers: [box("box", ["echo", "first", "then", "sleep", "3600"]), { name: "web", image: "registry.lichen.internal/hello:1", ports: [{ containerPort: 8080 }] }] });
  await ready("tools");
  t.is(await kubectl("logs", "tools", "-c", "box"), "first\n");
  t.regex(await kubectl("logs", "tools", "-c", "box", "--timestamps"), /^\d{4}-\d\d-\d\dT\S+Z first\n$/);
  t.is(await kubectl("exec", "tools", "-c", "box", "--", "box", "echo", "inside"), "inside\n");
  const failed = await t.throwsAsync(kubectl("exec", "tools", "-c", "box", "--", "box", "fail"));
  t.regex(failed?.message ?? "", /exit code 1/);
  t.regex((await t.throwsAsync(kubectl("exec", "tools", "-c", "web", "--", "sh")))?.message ?? "", /exports no function "sh"/);
  const raw = await kubectl("get", "--raw", "/api/v1/namespaces/default/pods/tools:8080/proxy/");
  t.is(raw, "hello from tools\n");
});

/** A command whose core module is `body`, with a part of its own before it. */
const command = (body: string, before = "") =>
  parse(`(component ${before} (core module $m ${body}) (core instance $i (instantiate $m)) (func $run (result (result)) (canon lift (core func $i "run")))
    (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))`);
const returns = '(func (export "run") (result i32) (i32.const 0))';
const nested = (depth: number): string => (depth === 0 ? "" : `(component ${nested(depth - 1)})`);

// what is pushed → what the pod says
const unfit: Readonly<Record<string, { readonly component: () => Uint8Array | Promise<Uint8Array>; readonly says: RegExp }>> = {
  "not-wasm": { component: () => Buffer.from("#!/bin/sh\necho hello\n"), says: /not WebAssembly/ },
  empty: { component: () => Buffer.alloc(0), says: /not WebAssembly/ },
  truncated: { component: () => guest("examples/components/hello/hello.wasm").subarray(0, 4100), says: /cut off/ },
  "truncated-between": { component: () => guest("examples/components/hello/hello.wasm").subarray(0, 4000), says: /exports nothing.*cut off/ },
  "bad-module": { component: () => Buffer.from("0061736d01000000010401600000", "hex"), says: /exports neither _start/ },
  "cut-module": { component: () => Buffer.from("0061736d01000000010a0160", "hex"), says: /not valid/ },
  huge: { component: () => Buffer.concat([guest("examples/components/hello/hello.wasm"), Buffer.alloc(40 << 20)]), says: /bytes/ },
  "unknown-import": { component: () => command(returns, '(import "acme:thing/api@1.0.0" (instance))'), says: /acme:thing\/api@1\.0\.0/ },
  "wrong-world": { component: () => parse('(component (core module $m (func (export "f"))) (core instance $i (instantiate $m)) (func (export "f") (canon lift (core func $i "f"))))'), says: /exports f; it must export/ },
  "deeply-nested": { component: () => command(returns, nested(40)), says: /nested deeper than 16/ },
  "strange-name": { component: () => command("(func (export \"run\") (result i32) (i32.const 0)) (func (export \"'];process.exit();['\"))"), says: /which is not accepted/ },
};

for (const [name, { component, says }] of Object.entries(unfit)) {
  test(`unfit component: ${name}`, async (t) => {
    await pushAsItIs(name, await component());
    await pod(t, `beside-${name}`, { containers: [box("main", ["sleep", "3600"])] });
    await ready(`beside-${name}`);
    await pod(t, name, { containers: [{ name: "main", image: `registry.lichen.internal/${name}:1` }] });
    await eventually("the status says why", async () => {
      const waiting = (await status(name))?.containerStatuses?.[0]?.state?.waiting;
      return waiting?.reason === "ErrImagePull" || waiting?.reason === "ImagePullBackOff";
    });
    const told = await eventually("an Event says why", async () => /^Failed: Failed to pull.*/m.exec(await events(name))?.[0]);
    t.regex(told, says);
    t.like((await status(`beside-${name}`))?.containerStatuses?.[0], { ready: true, restartCount: 0 });
  });
}

// what a component does → how its container ends
const ends: Readonly<Record<string, { readonly component: () => Promise<Uint8Array>; readonly like: object; readonly says: RegExp }>> = {
  "start-without-end": { component: () => command(`(func $spin (loop (br 0))) (start $spin) ${returns}`), like: { reason: "Error", exitCode: 137 }, says: /did not start within 20000 ms/ },
  "begins-large": { component: () => command(`(memory (export "memory") 1024) ${returns}`), like: { reason: "OOMKilled", exitCode: 137 }, says: /begins with 67108864 bytes/ },
  "large-table": { component: () => command(`(table 100000000 funcref) ${returns}`), like: { exitCode: 137 }, says: /100000000 entries/ },
  "grows-table": { component: () => command('(table $t 1 funcref) (func (export "run") (result i32) (loop (br_if 0 (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 65536))))) unreachable)'), like: { exitCode: 137, reason: "OOMKilled" }, says: /heap/ },
  recurses: { component: () => command('(func $f (export "run") (result i32) (call $f))'), like: { exitCode: 134 }, says: /trapped: Maximum call stack/ },
};

for (const [name, { component, like, says }] of Object.entries(ends)) {
  test(`a component that ends badly: ${name}`, async (t) => {
    await pushAsItIs(name, await component());
    await pod(t, name, { restartPolicy: "Never", containers: [{ name: "main", image: `registry.lichen.internal/${name}:1`, resources: { limits: { memory: "8Mi" } } }, box("neighbour", ["sleep", "3600"])] });
    const end = await eventually("it has ended", async () => (await status(name))?.containerStatuses?.find((one) => one.name === "main")?.state?.terminated);
    t.like(end, like);
    t.regex(end.message ?? "", says);
    t.is((await status(name))?.containerStatuses?.find((one) => one.name === "neighbour")?.restartCount, 0);
  });
}

// a request → how the service's container ends
const requests: Readonly<Record<string, { readonly like: object }>> = {
  exit: { like: { exitCode: 1, reason: "Error" } },
  grow: { like: { exitCode: 137, reason: "OOMKilled" } },
};

for (const [path, { like }] of Object.entries(requests)) {
  test(`a service that ends in the middle of a request: ${path}`, async (t) => {
    await pod(t, path, { containers: [{ name: "main", image: "registry.lichen.internal/service:1", ports: [{ containerPort: 8080 }], resources: { limits: { memory: "16Mi" } } }, { name: "neighbour", image: "registry.lichen.internal/hello:1", ports: [{ containerPort: 8081 }] }] });
    await ready(path);
    const ask = (port: number, to: string) => kubectl("get", "--raw", `/api/v1/namespaces/default/pods/${path}:${port}/proxy/${to}`);
    await t.throwsAsync(ask(8080, path));
    const ended = await eventually("it was started again", async () => {
      const main = (await status(path))?.containerStatuses?.find((one) => one.name === "main");
      return main?.restartCount === 1 && main.ready ? main.lastState?.terminated : undefined;
    });
    t.like(ended, like);
    t.is(await ask(8081, ""), `hello from ${path}\n`);
    t.is((await status(path))?.containerStatuses?.find((one) => one.name === "neighbour")?.restartCount, 0);
    t.is(await ask(8080, ""), "1\n".trim());
  });
}

test("a service with too many host objects gets a new instance, and its log says why", async (t) => {
  await pod(t, "objects", { containers: [{ name: "main", image: "registry.lichen.internal/service:1", ports: [{ containerPort: 8080 }], resources: { limits: { memory: "16Mi" } } }] });
  await ready("objects");
  const ask = (to: string) => kubectl("get", "--raw", `/api/v1/namespaces/default/pods/objects:8080/proxy/${to}`);
  await t.throwsAsync(ask("objects"));
  t.is(await ask(""), "1");
  await eventually("its log says why", async () => /keeps 16384 resources of one kind/.test(await kubectl("logs", "objects")) || undefined);
  t.is((await status("objects"))?.containerStatuses?.[0]?.restartCount, 0);
});

test("components of a pod are wired; one that is missing is named", async (t) => {
  const wit = `package test:parts; interface numbers { answer: func() -> u32; } world app { import numbers; export wasi:cli/run@0.2.0; } world library { export numbers; }
    package wasi:cli@0.2.0 { interface run { run: func() -> result; } }`;
  const part = async (world: string, core: string) => componentNew(await componentEmbed({ binary: await parse(core), witSource: wit, world }));
  const app = '(module (import "test:parts/numbers" "answer" (func $answer (result i32))) (func (export "wasi:cli/run@0.2.0#run") (result i32) (i32.ne (call $answer) (i32.const 42))))';
  await pushAsItIs("app", await part("app", app));
  await pushAsItIs("library", await part("library", '(module (func (export "test:parts/numbers#answer") (result i32) (i32.const 42)))'));
  const image = (name: string) => ({ name, image: `registry.lichen.internal/${name}:1` });
  await pod(t, "wired", { restartPolicy: "Never", initContainers: [{ ...image("library"), restartPolicy: "Always" }], containers: [image("app")] });
  await phase("wired", "Succeeded");
  await pod(t, "unwired", { restartPolicy: "Never", containers: [image("app"), box("box", ["sleep", "3600"])] });
  // while the image of the other container is pulled, it says that it waits for that
  await eventually("the status says what is missing", async () => {
    const waiting = (await status("unwired"))?.containerStatuses?.find(({ name }) => name === "app")?.state?.waiting?.message ?? "";
    return /imports test:parts\/numbers, which no component of the pod exports/.test(waiting) || undefined;
  });
  await eventually("an Event says it, too", async () => (await events("unwired")).includes("imports test:parts/numbers, which"));
  t.pass();
});

test("a host process that is killed is started again, and its neighbour goes on", async (t) => {
  await pod(t, "killed", { containers: [box("main", ["sleep", "3600"]), box("neighbour", ["sleep", "3600"])] });
  await ready("killed");
  const id = (await status("killed"))?.containerStatuses?.find((one) => one.name === "main")?.containerID?.replace(/^.*:\/\//, "") ?? "";
  const found = await glob(join(up.dataDir, `**/${id}/running.json`));
  process.kill((JSON.parse(readFileSync(found, "utf8")) as { pid: number }).pid, "SIGKILL");
  const ended = await eventually("it was started again", async () => {
    const main = (await status("killed"))?.containerStatuses?.find((one) => one.name === "main");
    return main?.restartCount === 1 && main.state?.running !== undefined ? main.lastState?.terminated : undefined;
  });
  t.like(ended, { exitCode: 137, reason: "Error" });
  t.is((await status("killed"))?.containerStatuses?.find((one) => one.name === "neighbour")?.restartCount, 0);
});

test("a flood of output is bounded, and the neighbour's log is its own", async (t) => {
  await pod(t, "flood", { containers: [box("main", ["flood"]), box("neighbour", ["echo", "here", "then", "sleep", "3600"])] });
  await said("flood", "talks too much", "-c", "main", "--tail=1");
  t.is(await kubectl("logs", "flood", "-c", "neighbour"), "here\n");
});
