import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { claimDirectory } from "../../edge-agent/only-agent.ts";

async function made(t: { teardown(end: () => Promise<void>): void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lichen-only-agent-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test("a second agent on a directory is told of the first, until that has ended", async (t) => {
  const directory = await made(t);
  const first = spawn("sleep", ["60"]);
  t.teardown(() => void first.kill("SIGKILL"));
  await once(first, "spawn");
  await claimDirectory(directory, first.pid);
  await t.throwsAsync(claimDirectory(directory), { message: `another agent (pid ${first.pid}) runs on ${directory}; stop it, or give this one a directory of its own (--data-dir)` });
  first.kill("SIGKILL");
  await once(first, "exit");
  const free = await claimDirectory(directory);
  await t.notThrowsAsync(claimDirectory(directory), "it is its own");
  await free();
  t.false(existsSync(join(directory, "agent.json")));
});

test("a note that was cut off, or is of a process before the last boot or of another one with its pid, counts for nothing", async (t) => {
  for (const note of ["", '{"pid":', `{"pid":${process.ppid},"started":"1","boot":"another"}`, `{"pid":${process.ppid},"started":"1","boot":""}`]) {
    const directory = await made(t);
    await writeFile(join(directory, "agent.json"), note);
    await t.notThrowsAsync(claimDirectory(directory), note);
  }
});
