import { appendFile, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import test, { type ExecutionContext } from "ava";
import { rotateLog } from "../../../edge-agent/logs/rotation.ts";
import { logFiles } from "../../../edge-agent/streams/log-files.ts";

async function log(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lichen-logs-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return join(directory, "0.log");
}

test("a log over its size is put aside, older ones are compressed, the oldest go", async (t) => {
  const path = await log(t);
  const minute = (n: number) => Date.UTC(2030, 0, 1, 0, n);
  for (let round = 0; round < 6; round++) {
    await appendFile(path, `round ${round}\n`);
    t.true(await rotateLog(path, { maxBytes: 8, maxFiles: 4, now: minute(round), reopen: () => writeFile(path, "") }));
  }
  const names = (await readdir(join(path, ".."))).toSorted();
  t.deepEqual(names, ["0.log", "0.log.20300101-000300.gz", "0.log.20300101-000400.gz", "0.log.20300101-000500"]);
  t.is(gunzipSync(await readFile(join(path, "..", "0.log.20300101-000300.gz"))).toString(), "round 3\n");
  t.deepEqual(await logFiles(path), [`${path}.20300101-000500`, path], "readers see what is not compressed");
});

test("a small log stays, and a runtime that does not reopen gets its file back", async (t) => {
  const path = await log(t);
  await writeFile(path, "12345678");
  const options = { maxBytes: 9, maxFiles: 3, now: 0, reopen: () => Promise.reject(new Error("no")) };
  t.false(await rotateLog(path, options));
  await t.throwsAsync(rotateLog(path, { ...options, maxBytes: 8 }), { message: "no" });
  t.is(await readFile(path, "utf8"), "12345678");
  t.deepEqual(await readdir(join(path, "..")), ["0.log"]);
});

test("what a crash left half compressed goes", async (t) => {
  const path = await log(t);
  await writeFile(path, "12345678");
  await writeFile(`${path}.20290101-000000.tmp`, "half");
  await rotateLog(path, { maxBytes: 1, maxFiles: 5, now: Date.UTC(2030, 0, 1), reopen: () => writeFile(path, "") });
  t.deepEqual((await readdir(join(path, ".."))).toSorted(), ["0.log", "0.log.20300101-000000"]);
});
