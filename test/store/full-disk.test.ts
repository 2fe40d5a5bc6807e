/** A disk that is full, for real: a limit of the file size, set and lifted from outside with prlimit(1). */
import test from "ava";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FILE_LIMIT = 1_048_576;
const installed = spawnSync("prlimit", ["--version"]).status === 0;

(installed ? test : test.skip)("SQLite on a full disk refuses writes, keeps what it acknowledged, and goes on when there is room", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "lichen-test-full-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const script = [process.execPath, join(import.meta.dirname, "fixture-full-disk.ts"), join(directory, "store.db")];
  const child = spawn("prlimit", [`--fsize=${FILE_LIMIT}:unlimited`, ...script], { stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => child.kill("SIGKILL"));
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    // prlimit became the script, so the child's id is the script's.
    if (lines.length === 1) t.is(spawnSync("prlimit", ["--pid", `${child.pid}`, "--fsize=unlimited"]).status, 0);
  }
  if (child.exitCode === null) await once(child, "exit");
  t.is(child.exitCode, 0);
  t.deepEqual(lines, ["refused unavailable readable true revision true", "recovered, missing 0 of many"]);
});
