/** The examples in each language, as pods on a device. Those of the board's devices are in board.test.ts. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { runToEnd } from "./support/pods.ts";

function volume(t: ExecutionContext, files: Readonly<Record<string, string>>) {
  const hostPath = mkdtempSync(join(tmpdir(), "volume-"));
  t.teardown(() => rmSync(hostPath, { recursive: true, force: true }));
  mkdirSync(hostPath, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(hostPath, name), text);
  return { hostPath, containerPath: "/data", readOnly: true };
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
