import test from "ava";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../core/api/log.ts";
import { diskFile, openDesired } from "../../edge-agent/desired.ts";
import { pod } from "./support/pods.ts";

async function place(t: { teardown(fn: () => Promise<void>): void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lichen-desired-"));
  t.teardown(() => rm(directory, { recursive: true }));
  return join(directory, "desired.json");
}
const open = (path: string) => openDesired(diskFile(path, silentLog), silentLog);

test("what was wanted is there after a restart, readable by the owner alone", async (t) => {
  const path = await place(t);
  const first = await open(path);
  t.false(first.known());
  await first.apply({ full: true, put: [pod("web")], drop: [] });
  const second = await open(path);
  t.true(second.known());
  t.is(second.pod("uid-web")?.metadata.name, "web");
  t.deepEqual(second.have(), [["v1/pods", "default", "web", "uid-web", "1"]]);
  t.is((await stat(path)).mode & 0o777, 0o600);
});

test("a damaged file falls back to the one before", async (t) => {
  const path = await place(t);
  const first = await open(path);
  await first.apply({ full: true, put: [pod("old")], drop: [] });
  await first.apply({ full: false, put: [pod("new")], drop: [] });
  await writeFile(path, (await readFile(path, "utf8")).replace('"new"', '"bad"'));
  const second = await open(path);
  t.deepEqual(second.pods().map(({ metadata }) => metadata.name), ["old"]);
  // and the damaged one does not push out the good one
  await second.apply({ full: false, put: [pod("next")], drop: [] });
  await writeFile(path, "{");
  t.deepEqual((await open(path)).pods().map(({ metadata }) => metadata.name), ["old"]);
});

test("a set that changes nothing is not written", async (t) => {
  const path = await place(t);
  const desired = await open(path);
  await desired.apply({ full: true, put: [pod("web")], drop: [] });
  const inode = (await stat(path)).ino;
  await desired.apply({ full: true, put: [pod("web")], drop: [] });
  await desired.apply({ full: false, put: [], drop: [["v1/pods", "default", "none"]] });
  t.is((await stat(path)).ino, inode);
});

test("a full set forgets what it does not name; a delta drops by key", async (t) => {
  const desired = await open(await place(t));
  await desired.apply({ full: true, put: [pod("a"), pod("b")], drop: [] });
  await desired.apply({ full: true, put: [pod("b"), pod("c")], drop: [] });
  t.deepEqual(desired.pods().map(({ metadata }) => metadata.name), ["b", "c"]);
  await desired.apply({ full: false, put: [], drop: [["v1/pods", "default", "b"]] });
  t.deepEqual(desired.pods().map(({ metadata }) => metadata.name), ["c"]);
});
