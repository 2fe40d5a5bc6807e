/** The examples in each language, as pods on a device. Those of the board's devices are in board.test.ts. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { runToEnd } from "./support/pods.ts";

function volume(t: ExecutionContext, files: Readonly<Record<string, string>>, readOnly = true) {
  const hostPath = mkdtempSync(join(tmpdir(), "volume-"));
  t.teardown(() => rmSync(hostPath, { recursive: true, force: true }));
  mkdirSync(hostPath, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(hostPath, name), text);
  return { hostPath, containerPath: "/data", readOnly };
}

test("C: words of files", async (t) => {
  const mounts = [volume(t, { a: "one two\nthree", b: "" })];
  t.like(await runToEnd(t, "c/wordcount", { args: ["/data/a", "/data/b"], mounts }), { code: 0, stdout: "3 /data/a\n0 /data/b\n" });
  t.like(await runToEnd(t, "c/wordcount", { args: ["/data/missing"], mounts }), { code: 1 });
});

test("Rust: numbers of CSV files", async (t) => {
  const mounts = [volume(t, { "b.csv": "time\n", "a.csv": "1.5,x\n2.5,y\nname,z\n", "c.txt": "9" })];
  t.like(await runToEnd(t, "rust/summary", { args: ["/data"], mounts }), { code: 0, stdout: "a.csv: 1.5 to 2.5, mean 2\nb.csv: no numbers\n" });
  const missing = await runToEnd(t, "rust/summary", { args: ["/elsewhere"], mounts });
  t.is(missing.code, 1);
  t.regex(missing.stderr, /^\/elsewhere: /);
});

test("WebAssembly text: ticks", async (t) => {
  const env = [["TICKS", "2"], ["INTERVAL_MS", "1"], ["EXIT_CODE", "7"]].map(([name = "", value = ""]) => ({ name, value }));
  t.like(await runToEnd(t, "ticker", { args: [], env }), { code: 7, stdout: "tick 1\ntick 2\n" });
});

test("JavaScript: statistics of numbers", async (t) => {
  const env = [{ name: "UNIT", value: "C" }];
  t.like(await runToEnd(t, "javascript/statistics", { args: ["1", "2", "6"], env }), { code: 0, stdout: '{"count":3,"mean":3,"deviation":2.160246899469287,"unit":"C"}\n' });
  t.like(await runToEnd(t, "javascript/statistics", { args: ["one"] }), { code: 1, stdout: "" });
});

test("JavaScript, WASI 0.3: tasks go on beside each other", async (t) => {
  const mount = volume(t, { a: "text of a" }, false);
  const waits = await runToEnd(t, "javascript/tasks", { args: ["wait:1", "list:/data", "read:/data/a", "read:/data/missing", "read:/data/../x", "read:/elsewhere"], mounts: [mount] });
  t.is(waits.code, 1);
  t.deepEqual(waits.stdout.trim().split("\n").toSorted(), ["/data has a (regular-file)", "/data/a: text of a", "read:/data/../x: not-permitted", "read:/data/missing: no-entry", "read:/elsewhere: no-entry", "waited 1"]);
  t.like(await runToEnd(t, "javascript/tasks", { args: ["write:/data/b:new text"], mounts: [mount] }), { code: 0, stdout: "wrote /data/b\n" });
  t.is(readFileSync(join(mount.hostPath, "b"), "utf8"), "new text");
  t.like(await runToEnd(t, "javascript/tasks", { args: ["write:/data/a:x", "size:/data/a"], mounts: [{ ...mount, readOnly: true }] }), { code: 1 });
  t.is(readFileSync(join(mount.hostPath, "a"), "utf8"), "text of a");
});

test("JavaScript, WASI 0.3: who waits longest is told last", async (t) => {
  t.like(await runToEnd(t, "javascript/tasks", { args: ["wait:3000", "wait:1", "wait:1500"] }), { code: 0, stdout: "waited 1\nwaited 1500\nwaited 3000\n" });
});
