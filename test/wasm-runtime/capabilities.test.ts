import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import test from "ava";
import { annotated } from "../../edge-agent/runtimes/wasi/grants.ts";
import { configStore } from "../../wasm-runtime/host/config.ts";
import { gpio } from "../../wasm-runtime/host/gpio.ts";
import { keyvalue } from "../../wasm-runtime/host/keyvalue.ts";
import { logging } from "../../wasm-runtime/host/logging.ts";
import { startComponent } from "../../wasm-runtime/process.ts";
import { ended, logLines, prepared } from "./support/components.ts";
import { podOf } from "./support/pods.ts";
import { temporaryDirectory } from "../support/lichen.ts";
import { failureCode } from "./support/failure-code.ts";

test("values are kept under any key, across openings, within the quota", (t) => {
  const path = temporaryDirectory(t);
  const told: string[] = [];
  const { store, atomics, batch } = keyvalue([{ name: "settings", directory: path, maxBytes: 200 }], (what) => void told.push(what));
  const bucket = store.open("settings");
  for (const key of ["a", "../../etc/passwd", "__proto__", "ü/\0"]) bucket.set(key, Buffer.from(key));
  const again = store.open("settings");
  t.is(Buffer.from(again.get("../../etc/passwd") ?? []).toString(), "../../etc/passwd");
  t.deepEqual(again.listKeys().keys, ["../../etc/passwd", "__proto__", "a", "ü/\0"].toSorted());
  again.delete("a");
  t.false(bucket.exists("a"));
  t.is(atomics.increment(bucket, "count", 2n), 2n);
  t.is(atomics.increment(bucket, "count", 40n), 42n);
  t.like(failureCode(() => atomics.increment(bucket, "__proto__", 1n)), { tag: "other", val: "the value is no number" });
  t.deepEqual(batch.getMany(bucket, ["none", "count"]), [undefined, ["count", Buffer.from("42")]]);
  t.regex((failureCode(() => bucket.set("big", new Uint8Array(200))) as { val: string }).val, /full: its quota is 200 bytes/);
  bucket.set("count", Buffer.from("1"));
  t.deepEqual(failureCode(() => store.open("other")), { tag: "no-such-store" });
  t.deepEqual(failureCode(() => keyvalue([], () => {}).store.open("settings")), { tag: "access-denied" });
  t.deepEqual(told, ['the key-value store "other"']);
});

test("lines work in the direction that was granted", (t) => {
  const root = temporaryDirectory(t);
  for (const line of [17, 27]) {
    mkdirSync(join(root, `gpio${line}`));
    writeFileSync(join(root, `gpio${line}/direction`), "in\n");
    writeFileSync(join(root, `gpio${line}/value`), "1\n");
  }
  writeFileSync(join(root, "export"), "");
  const lines = gpio([{ line: 17, direction: "in" }, { line: 27, direction: "out" }, { line: 99, direction: "in" }], () => {}, root);
  t.true(lines.read(17));
  lines.write(27, false);
  t.deepEqual([readFileSync(join(root, "gpio27/direction"), "utf8"), readFileSync(join(root, "gpio27/value"), "utf8")], ["out", "0"]);
  t.is(failureCode(() => lines.write(17, true)), "denied");
  t.is(failureCode(() => lines.read(4)), "denied");
  t.is(failureCode(() => lines.read(99)), "missing");
  t.is(readFileSync(join(root, "export"), "utf8"), "99");
});

test("configuration is what the annotations say; a log line stays one line", (t) => {
  const config = configStore({ mode: "fast", __proto__: "x" });
  t.is(config.get("mode"), "fast");
  t.is(config.get("toString"), undefined);
  const lines: string[] = [];
  logging({ write: (bytes) => void lines.push(Buffer.from(bytes).toString()) }).log("warn", "pump", "hot\nERROR fake");
  t.deepEqual(lines, ["WARN pump: hot ERROR fake\n"]);
});

test("annotations become grants", (t) => {
  const of = (annotations: Record<string, string>) => annotated({ ...podOf("p", []), metadata: { name: "p", annotations } });
  t.deepEqual(of({ "wasi.lichen.dev/gpio": "17:in, 27:out", "config.wasi.lichen.dev/mode": "fast", "wasi.lichen.dev/keyvalue": "a,b-1" }), {
    grants: { gpio: [{ line: 17, direction: "in" }, { line: 27, direction: "out" }], config: { mode: "fast" } },
    stores: ["a", "b-1"],
  });
  t.throws(() => of({ "wasi.lichen.dev/gpio": "17" }), { message: /NUMBER:in/ });
  t.throws(() => of({ "wasi.lichen.dev/keyvalue": "../x" }), { message: /store's name/ });
});

test("a component links the capabilities of boards, and is told that it has none", async (t) => {
  const component = await parse(`(component
    (type $error (enum "denied" "missing" "io"))
    (import "lichen:gpio/lines@0.1.0" (instance $lines
      (export "error" (type $e (eq $error)))
      (export "write" (func (param "line" u32) (param "high" bool) (result (result (error $e)))))))
    (core module $memory (memory (export "memory") 1))
    (core instance $memory (instantiate $memory))
    (core func $write (canon lower (func $lines "write") (memory (core memory $memory "memory"))))
    (core module $m (import "" "write" (func $write (param i32 i32 i32))) (import "" "memory" (memory 1))
      (func (export "run") (result i32) (call $write (i32.const 17) (i32.const 1) (i32.const 16)) (i32.load8_u (i32.const 16))))
    (core instance $i (instantiate $m (with "" (instance (export "write" (func $write)) (export "memory" (memory $memory "memory"))))))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))`);
  const { options } = await prepared(t, component);
  const given = options();
  t.is((await ended(given.stateDir, (onExit) => startComponent({ ...given, onExit }))).code, 1);
  t.regex(logLines(given.logPath).join("\n"), /asked for GPIO line 17 \(out\), which is not granted/);
});
