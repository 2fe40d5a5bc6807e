/** kill -9 in the middle of writes: what was acknowledged is there, and no revision is given twice. */
import test from "ava";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteDriver } from "../../core/store/drivers/sqlite.ts";
import { openStore } from "../../core/store/open.ts";

/** More for a soak: LICHEN_CRASH_ROUNDS=1000. */
const ROUNDS = Number(process.env["LICHEN_CRASH_ROUNDS"] ?? 5);
const directory = mkdtempSync(join(tmpdir(), "lichen-test-crash-"));
test.after.always(() => rmSync(directory, { recursive: true }));

interface Acknowledged {
  readonly revision: number;
  readonly key: string;
  readonly text: string;
}

/** Runs a writer, kills it once it acknowledged `count` writes, and returns all that it acknowledged. */
async function writeUntilKilled(path: string, round: number, count: number): Promise<Acknowledged[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "fixture-writer.ts"), path, `${round}`], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  let lines = 0;
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
    lines += chunk.split("\n").length - 1;
    if (lines >= count) child.kill("SIGKILL");
  });
  await once(child, "close");
  const whole = output.slice(0, output.lastIndexOf("\n"));
  return whole.split("\n").map((line) => {
    const [revision = "", key = "", text = ""] = line.split(" ");
    return { revision: Number(revision), key, text };
  });
}

test("acknowledged writes survive kill -9, and revisions are never used twice", async (t) => {
  const path = join(directory, "store.db");
  const newest = new Map<string, Acknowledged>();
  let floor = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const acknowledged = await writeUntilKilled(path, round, 500 + round * 333);
    t.true(acknowledged.length >= 500);
    const revisions = acknowledged.map((write) => write.revision);
    t.is(new Set(revisions).size, revisions.length);
    t.true(Math.min(...revisions) > floor, "a revision was used again after the crash");

    const store = await openStore(sqliteDriver(path));
    t.true(store.revision() >= Math.max(...revisions));
    floor = store.revision();
    for (const write of acknowledged) if (write.revision > (newest.get(write.key)?.revision ?? 0)) newest.set(write.key, write);
    for (const [key, write] of newest) {
      const entry = store.get(key);
      // A write that was made durable but not yet acknowledged when the process died may have come after.
      if (entry === undefined ? write.text === "-" : entry.revision > write.revision) continue;
      if (entry === undefined) {
        const later = await store.range(key, { revision: write.revision }).then((range) => range.entries.find((past) => past.key === key));
        t.is(later?.revision, write.revision, `${key} was lost`);
        continue;
      }
      t.is(entry.revision, write.revision, key);
      t.is(new TextDecoder().decode(entry.value).trimEnd(), write.text);
    }
    await store.close();
  }
});
