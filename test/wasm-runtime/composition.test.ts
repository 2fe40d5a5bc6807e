/** Components of one pod that are wired: one's exports are another's imports. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import test from "ava";
import type { ExecutionContext } from "ava";
import { linkedTo } from "../../edge-agent/runtimes/wasi/composition.ts";
import type { ComponentSource } from "../../edge-agent/runtimes/wasi/component-source.ts";
import { ImageError } from "../../edge-agent/runtimes/runtime.ts";
import { transpile } from "../../wasm-runtime/transpile.ts";
import { digestOf } from "./support/components.ts";
import { device, keys, planOf, podOf } from "./support/pods.ts";

const wit = `package test:parts;
interface words { count: func(text: string) -> u32; }
interface sums { add: func(a: u32, b: u32) -> u32; }
world app { import words; export wasi:cli/run@0.2.0; }
world counter { import sums; export words; }
world adder { export sums; }
package wasi:cli@0.2.0 { interface run { run: func() -> result; } }`;

const build = async (world: string, wat: string) => componentNew(await componentEmbed({ binary: await parse(wat), witSource: wit, world }));

/** fails unless "one two three" has three words */
const app = `(module
  (import "test:parts/words" "count" (func $count (param i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 16) "one two three")
  (func (export "wasi:cli/run@0.2.0#run") (result i32) (i32.ne (call $count (i32.const 16) (i32.const 13)) (i32.const 3))))`;

/** one more than there are spaces; adds by another component */
const counter = `(module
  (import "test:parts/sums" "add" (func $add (param i32 i32) (result i32)))
  (memory (export "memory") 1) (global $heap (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $heap) (global.set $heap (i32.add (global.get $heap) (local.get 3))))
  (func (export "test:parts/words#count") (param $at i32) (param $length i32) (result i32) (local $sum i32)
    (local.set $sum (i32.const 1))
    (block $end (loop $next
      (br_if $end (i32.eqz (local.get $length)))
      (local.set $sum (call $add (local.get $sum) (i32.eq (i32.load8_u (local.get $at)) (i32.const 32))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $length (i32.sub (local.get $length) (i32.const 1)))
      (br $next)))
    (local.get $sum)))`;

const adder = '(module (func (export "test:parts/sums#add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))';
const broken = '(module (func (export "test:parts/sums#add") (param i32 i32) (result i32) unreachable))';

const components: Readonly<Record<string, () => Promise<Uint8Array>>> = {
  app: () => build("app", app), counter: () => build("counter", counter), adder: () => build("adder", adder), broken: () => build("adder", broken),
};

const source: ComponentSource = {
  async fetch(reference) {
    const component = await components[/\/(\w+):1$/.exec(reference)?.[1] ?? ""]?.();
    if (component === undefined) throw new ImageError("ErrImagePull", `there is no image ${reference}`);
    const { bytes, header } = await transpile(component, { parts: true });
    const digests = { componentDigest: digestOf(component), moduleDigest: digestOf(bytes) };
    return { descriptor: { ...digests, size: bytes.length, world: header.world, imports: header.imports, signature: keys.sign(digests) }, bytes };
  },
};

async function start(t: ExecutionContext, names: readonly string[], { pulled = names, annotations = {} }: { readonly pulled?: readonly string[]; readonly annotations?: Record<string, string> } = {}) {
  const { runtime, directory } = device(t, { source });
  const containers = names.map((name) => ({ name, image: `registry.lichen.internal/${name}:1`, resources: { limits: { memory: "1Mi" } } }));
  const pod = { ...podOf("parts", containers), metadata: { name: "parts", namespace: "default", uid: "uid-parts", annotations } };
  for (const name of pulled) await runtime.pullImage(`registry.lichen.internal/${name}:1`, { pod, secrets: [], signal: AbortSignal.timeout(60_000) });
  const sandbox = await runtime.startSandbox(pod, { logDirectory: "/", attempt: 0, hostname: "", dns: { servers: [], searches: [], options: [] } });
  const ended = new Promise<void>((resolve) => void runtime.changes(async () => ((await runtime.pods())[0]?.containers.find(({ name }) => name === "app")?.state === "exited" ? resolve() : undefined)));
  for (const container of containers) {
    const image = await runtime.image(container.image);
    if (image !== undefined) await runtime.startContainer(await runtime.createContainer(sandbox, planOf(directory, pod, container, image)));
  }
  const alive = setInterval(() => {}, 60_000);
  await ended.finally(() => clearInterval(alive));
  const states = async () => Object.fromEntries(((await runtime.pods())[0]?.containers ?? []).map(({ name, state, exitCode }) => [name, exitCode ?? state]));
  return { runtime, sandbox, directory, states, log: () => readFileSync(join(directory, "logs/parts-app.log"), "utf8") };
}

test("three components: the libraries run with the program, and are there as containers until they are stopped", async (t) => {
  const { runtime, sandbox, states, log } = await start(t, ["app", "counter", "adder"]);
  t.deepEqual(await states(), { app: 0, counter: "running", adder: "running" }, log());
  for (const { id, name } of (await runtime.pods())[0]?.containers ?? []) if (name === "counter") await runtime.stopContainer(id, 5);
  const stopped = await states();
  t.not(stopped["counter"], "running");
  t.is(stopped["adder"], "running");
  await runtime.stopSandbox(sandbox);
  t.not((await states())["adder"], "running");
});

test("a trap in a library ends the component that called it", async (t) => {
  const { states, log } = await start(t, ["broken", "counter", "app"]);
  t.deepEqual(await states(), { app: 134, counter: "running", broken: "running" });
  t.regex(log(), /trapped: .*unreachable/);
});

test("what is missing, and what is there twice, is said by name", async (t) => {
  await t.throwsAsync(start(t, ["app", "adder"]), { message: "the component of app imports test:parts/words, which no component of the pod exports: add a container whose component does" });
  await t.throwsAsync(start(t, ["app", "counter", "adder"], { pulled: ["app", "adder"] }), { message: /waiting for the images of counter/ });
  await t.throwsAsync(start(t, ["app", "counter", "adder", "broken"]), { message: /imports test:parts\/sums, which both adder and broken export/ });
  await t.throwsAsync(start(t, ["app", "counter", "adder"], { annotations: { "wasi.lichen.dev/process": "shared" } }), { message: /does not share a process/ });
});

test("alone in its pod a part is refused as ever", async (t) => {
  const needs = await t.throwsAsync(start(t, ["app"]), { instanceOf: ImageError });
  t.regex(needs?.message ?? "", /imports test:parts\/words; a device offers WASI 0\.2/);
  const serves = await t.throwsAsync(start(t, ["adder"]), { instanceOf: ImageError });
  t.regex(serves?.message ?? "", /exports test:parts\/sums; it must export wasi:cli\/run/);
  await t.throwsAsync(transpile(await build("app", app)), { message: /imports test:parts\/words/ });
});

test("who is linked to whom", (t) => {
  const part = (container: string, imports: readonly string[], exports: readonly string[]) => ({ container, interfaces: { imports, exports } });
  const diamond = [part("top", ["a:b/left", "a:b/right", "wasi:cli/environment@0.2.0"], []), part("left", ["a:b/base"], ["a:b/left"]), part("right", ["a:b/base"], ["a:b/right"]), part("base", [], ["a:b/base"])];
  t.deepEqual(linkedTo("top", diamond), ["base", "left", "right"]);
  t.deepEqual(linkedTo("base", diamond), []);
  t.throws(() => linkedTo("one", [part("one", ["a:b/two"], ["a:b/one"]), part("two", ["a:b/one"], ["a:b/two"])]), { message: /one, two, one import from each other in a circle/ });
  t.throws(() => linkedTo("one", [part("one", ["a:b/two@1.0.0"], []), part("two", [], ["a:b/two@2.0.0"])]), { message: /imports a:b\/two@1.0.0, which no component of the pod exports/ });
});
