import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { prepareHost, sharedHost } from "../../wasm-runtime/host-image.ts";

test("the scripts of hosts are written once, by a process that leaves nothing else", async (t) => {
  const cache = await mkdtemp(join(tmpdir(), "lichen-host-image-"));
  t.teardown(() => rm(cache, { recursive: true, force: true }));
  const image = prepareHost(join(cache, "host"));
  t.true(existsSync(image.entry) && existsSync(sharedHost(image)));
  const { mtimeMs } = statSync(image.entry);
  t.deepEqual(prepareHost(join(cache, "host")), image);
  t.is(statSync(image.entry).mtimeMs, mtimeMs);
  t.is(readdirSync(join(cache, "host")).length, 1);
});
