import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import test from "ava";
import { checkNames } from "../../wasm-runtime/names.ts";
import { ComponentError, transpile } from "../../wasm-runtime/transpile.ts";
import { example } from "./support/components.ts";

/** A name in each place from which it would reach the glue. */
const places = (name: string) => {
  const quoted = `"${[...Buffer.from(name)].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("")}"`;
  const run = '(func (export "run") (result i32) (i32.const 0))';
  const lifted = (rest: string, of = '"run"') => `(component ${rest} (func $run (result (result)) (canon lift (core func $i ${of}))) (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))`;
  return {
    export: lifted(`(core module $m (func (export ${quoted}) (result i32) (i32.const 0))) (core instance $i (instantiate $m))`, quoted),
    unused: lifted(`(core module $m ${run} (memory (export ${quoted}) 1)) (core instance $i (instantiate $m))`),
    module: lifted(`(core module $m0 (func (export "f"))) (core instance $i0 (instantiate $m0)) (core module $m (import ${quoted} "f" (func)) ${run}) (core instance $i (instantiate $m (with ${quoted} (instance $i0))))`),
    field: lifted(`(core module $m0 (table (export ${quoted}) 1 funcref)) (core instance $i0 (instantiate $m0)) (core module $m (import "x" ${quoted} (table 1 funcref)) ${run}) (core instance $i (instantiate $m (with "x" (instance $i0))))`),
    inline: lifted(`(core module $m0 (global (export "g") i32 (i32.const 1))) (core instance $i0 (instantiate $m0)) (core module $m (import "x" ${quoted} (global i32)) ${run}) (core instance $i (instantiate $m (with "x" (instance (export ${quoted} (global $i0 "g"))))))`),
    nested: `(component (component $inner (core module (func (export ${quoted})))) (core module $m ${run}) (core instance $i (instantiate $m)) (func $run (result (result)) (canon lift (core func $i "run"))) (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))`,
  };
};

const hostile = ["'];globalThis.got=1;['", '"];globalThis.got=1;["', "\\", "`", "a\nb", "a\u2028b", "__proto__", "\0", "ü"];

for (const place of Object.keys(places(""))) {
  test(`a name that could be code is refused: ${place}`, async (t) => {
    for (const name of hostile) {
      const component = await parse(places(name)[place as "export"]);
      t.throws(() => checkNames(component), { instanceOf: ComponentError, message: /not accepted/ }, name);
    }
    for (const name of ["_ZN4core3fmt9Formatter$u7b$E", "wasi:io/poll@0.2.0", "[method]x.y", "", "~lib/rt", "a b"]) checkNames(await parse(places(name)[place as "export"]));
    t.pass();
  });
}

test("the refusal comes before the tool sees the component", async (t) => {
  const error = await t.throwsAsync(transpile(await parse(places(hostile[0] ?? "").export)), { instanceOf: ComponentError });
  t.regex(error?.message ?? "", /not accepted/);
});

test("components of all our tools pass", (t) => {
  for (const name of ["hello", "ticker"]) t.notThrows(() => checkNames(example(name)));
});

test("nesting is bounded", async (t) => {
  let text = "(component)";
  for (let depth = 0; depth < 20; depth++) text = `(component ${text})`;
  const component = await parse(text);
  t.throws(() => checkNames(component), { message: /nested deeper/ });
});
