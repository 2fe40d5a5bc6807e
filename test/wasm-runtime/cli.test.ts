import { writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { description } from "../../core/cli/inspect.ts";
import { preopen, variable } from "../../core/cli/run.ts";
import { ComponentError } from "../../wasm-runtime/transpile.ts";

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

test("inspect says what a component is and what it must be granted", async (t) => {
  const service = await description(fileOf("../../examples/components/hello/hello.wasm"));
  t.regex(service, /service \(wasi:http\/incoming-handler\)/);
  t.regex(service, /^grants +none needed$/m);
  const program = await description(fileOf("guests/network.wasm"));
  t.regex(program, /command \(wasi:cli\/run\)/);
  t.regex(program, /wasi:http\/outgoing-handler: annotation wasi\.lichen\.dev\/allow-outbound/);
  t.regex(program, /wasi:sockets: annotations/);
});

test("inspect refuses what would not run, with the reason", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "inspect-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "x.wasm");
  writeFileSync(file, "no wasm");
  t.is((await t.throwsAsync(description(file), { instanceOf: ComponentError }))?.reason, "NotWebAssembly");
});

test("directories and variables are written as container tools write them", (t) => {
  t.deepEqual(preopen("/a:/b:ro"), { hostPath: "/a", guestPath: "/b", readOnly: true });
  t.deepEqual(preopen("/a"), { hostPath: "/a", guestPath: "/a", readOnly: false });
  t.deepEqual(preopen("/a:ro"), { hostPath: "/a", guestPath: "/a", readOnly: true });
  t.throws(() => preopen("a:b:c"), { message: /write HOST/ });
  t.deepEqual(variable("A=b=c"), ["A", "b=c"]);
  t.throws(() => variable("A"), { message: /NAME=VALUE/ });
});
