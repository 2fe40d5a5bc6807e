import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import test from "ava";
import { packBundle, unpackBundle } from "../../wasm-runtime/bundle.ts";
import { ComponentError, readComponentHeader, transpile } from "../../wasm-runtime/transpile.ts";
import { command, example, succeeds } from "./support/components.ts";
import { guest } from "./support/guests.ts";

const refused = async (t: { throwsAsync: (promise: Promise<unknown>, of: { instanceOf: typeof ComponentError }) => Promise<ComponentError | undefined> }, bytes: Uint8Array) => {
  const error = await t.throwsAsync(transpile(bytes), { instanceOf: ComponentError });
  return error?.reason;
};

test("a service becomes a bundle with its world and needs, the same bytes each time", async (t) => {
  const first = await transpile(example("hello"));
  const second = await transpile(example("hello"));
  t.deepEqual(first.bytes, second.bytes);
  t.is(first.header.world, "http");
  t.deepEqual(first.header.capabilities, ["wasi:cli", "wasi:http", "wasi:io"]);
  t.true(first.header.imports.includes("wasi:http/types@0.2.0"));
  t.true(first.files.has("component.js"));
});

test("a core module of preview 1 is adapted, and then is what it would have been as a component", async (t) => {
  const module = await transpile(guest("posix"));
  t.is(module.header.world, "command");
  t.true(module.header.imports.some((name) => name.startsWith("wasi:filesystem/types@0.2.")));
  t.deepEqual((await transpile(guest("posix"))).bytes, module.bytes);
});

test("a command is told from a service", async (t) => {
  t.is((await transpile(await command(succeeds))).header.world, "command");
});

test("what cannot run on a device is refused with the reason", async (t) => {
  t.is(await refused(t, Buffer.from("ELF")), "NotWebAssembly");
  t.is(await refused(t, await parse("(module)")), "UnsupportedWorld");
  t.is(await refused(t, await parse('(module (import "env" "abort" (func)) (func (export "_start")))')), "UnsupportedImport");
  t.is(await refused(t, await parse('(module (import "wasi_snapshot_preview1" "no_such_call" (func)) (memory (export "memory") 1) (func (export "_start")))')), "Failed");
  t.is(await refused(t, Buffer.from("0061736d0100000001ff", "hex")), "Failed");
  t.is(await refused(t, example("hello").subarray(0, 3000)), "Truncated");
  t.is(await refused(t, new Uint8Array((32 << 20) + 1)), "TooLarge");
  t.is(await refused(t, await parse("(component)")), "UnsupportedWorld");
  t.is(await refused(t, await parse('(component (import "acme:gpio/pins" (instance)) (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))')), "UnsupportedImport");
  t.is(await refused(t, await parse('(component (import "wasi:clocks/wall-clock@0.3.0" (instance)) (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))')), "UnsupportedImport");
});

test("bytes that only begin like a component do not pass, and the child's end is an answer", async (t) => {
  const bytes = Uint8Array.from(example("hello"));
  bytes.fill(0xff, 4000, 4100);
  t.is(await refused(t, bytes), "Failed");
});

test("a cut-off component is noticed at every length", (t) => {
  const whole = example("ticker");
  const boundaries: number[] = [];
  for (let length = 0; length < whole.length; length++) {
    try {
      readComponentHeader(whole.subarray(0, length));
      boundaries.push(length);
    } catch (error) {
      t.true(error instanceof ComponentError, `length ${length}`);
    }
  }
  // between two sections nothing tells that more should follow; the world check does
  t.true(boundaries.length < 60);
});

test("a transpilation is bounded in time", async (t) => {
  const error = await t.throwsAsync(transpile(example("hello"), { timeoutMs: 1 }), { instanceOf: ComponentError });
  t.is(error?.reason, "TimedOut");
});

test("a bundle is read as it was packed, and only whole", (t) => {
  const header = { world: "http" as const, imports: ["a"], exports: ["b"], capabilities: ["c"], producer: "d" };
  const packed = packBundle({ header, files: new Map([["component.js", Buffer.from("x")], ["empty", new Uint8Array()]]) });
  const { header: read, files } = unpackBundle(packed);
  t.deepEqual(read, header);
  t.deepEqual([...files.keys()], ["component.js", "empty"]);
  for (let length = 0; length < packed.length; length++) t.throws(() => unpackBundle(packed.subarray(0, length)));
  t.throws(() => unpackBundle(Buffer.concat([packed, Buffer.of(0)])), { message: /after its last file/ });
});
