import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import test from "ava";
import type { ExecutionContext } from "ava";
import { watchComponent } from "../../wasm-runtime/process.ts";
import { prepared } from "./support/components.ts";
import { guest } from "./support/guests.ts";

async function text(stream: AsyncIterable<Uint8Array> | null): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of stream ?? []) parts.push(part);
  return Buffer.concat(parts).toString();
}

const probed = () =>
  parse(`(component
    (core module $m
      (func (export "yes") (result i32) (i32.const 1)) (func (export "no") (result i32) (i32.const 0)) (func (export "n") (result i32) (i32.const 42))
      (func (export "trap") unreachable))
    (core instance $i (instantiate $m))
    (func (export "is-healthy") (result bool) (canon lift (core func $i "yes")))
    (func (export "is-ready") (result bool) (canon lift (core func $i "no")))
    (func (export "answer") (result u32) (canon lift (core func $i "n")))
    (func (export "check") (result (result)) (canon lift (core func $i "no")))
    (func (export "fail") (result (result)) (canon lift (core func $i "yes")))
    (func (export "broken") (canon lift (core func $i "trap")))
    (func $run (result (result)) (canon lift (core func $i "no")))
    (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))`);

async function call(t: ExecutionContext, component: Uint8Array, command: readonly string[], more: { readonly input?: string; readonly grants?: object } = {}) {
  const { options } = await prepared(t, component);
  const { host, module, publicKeys, world, args, env, memoryLimitBytes, addresses, stateDir } = options();
  const { stdin, stdout, stderr, exit } = watchComponent({ host, module, publicKeys, world, args, env, memoryLimitBytes, addresses, stateDir, listen: [], call: command, stdio: "pipe", stdin: more.input !== undefined, grants: more.grants ?? {} });
  stdin?.end(more.input);
  const [out, error, { code, reason }] = await Promise.all([text(stdout), text(stderr), exit]);
  return { code, reason, out, error };
}

test("exported functions are called by name; false, errors and traps are failures", async (t) => {
  const component = await probed();
  t.deepEqual(await call(t, component, ["is-healthy"]), { code: 0, reason: "Completed", out: "", error: "" });
  t.like(await call(t, component, ["is-ready"]), { code: 1, reason: "Error" });
  t.like(await call(t, component, ["answer"]), { code: 0, out: "42\n" });
  t.like(await call(t, component, ["check"]), { code: 0 });
  t.like(await call(t, component, ["fail"]), { code: 1 });
  const broken = await call(t, component, ["broken"]);
  t.is(broken.code, 134);
  t.regex(broken.error, /trapped: .*unreachable/);
});

test("another command line is another run of the program", async (t) => {
  const { code, out } = await call(t, guest("posix"), ["posix", "random_differs", "no_such_case"]);
  t.deepEqual({ code, out }, { code: 0, out: "ok random_differs\nnot ok no_such_case: there is no such case\n" });
});

test("standard input is the caller's when it is given", async (t) => {
  const { out } = await call(t, guest("posix"), ["posix", "stdin_is_at_its_end", "stdin_is_at_its_end"], { input: "text" });
  t.regex(out, /^not ok stdin_is_at_its_end: .*\nok stdin_is_at_its_end\n$/);
});
