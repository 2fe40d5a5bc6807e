import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { makePassable } from "../../core/cli/make-passable.ts";

test("others may pass to the devices, and read nothing of the server's", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "lichen-passable-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const outside = join(directory, "outside");
  const data = join(directory, "data");
  for (const made of [data, join(data, "devices"), join(data, "artifacts")]) mkdirSync(made);
  for (const file of [outside, join(data, "store.db"), join(data, "registries.json")]) writeFileSync(file, "");
  symlinkSync(outside, join(data, "link"));
  for (const [path, mode] of [[data, 0o700], [join(data, "devices"), 0o711], [join(data, "artifacts"), 0o755], [join(data, "store.db"), 0o644], [join(data, "registries.json"), 0o664], [outside, 0o644]] as const) chmodSync(path, mode);

  for (const time of ["at first", "and again"]) {
    makePassable(data, "devices");
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    t.is(mode(data), "711", time);
    t.is(mode(join(data, "devices")), "711");
    t.is(mode(join(data, "artifacts")), "700");
    t.is(mode(join(data, "store.db")), "600");
    t.is(mode(join(data, "registries.json")), "600");
    t.is(mode(outside), "644", "not through a link");
  }
});
