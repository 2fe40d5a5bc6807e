import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { impassable } from "../../../edge-agent/runtimes/containerd/impassable.ts";

test("the first directory on the way that others may not enter is named", async (t) => {
  const top = mkdtempSync(join(tmpdir(), "lichen-impassable-"));
  t.teardown(() => rmSync(top, { recursive: true }));
  const [outer, inner] = [join(top, "outer"), join(top, "outer", "inner")];
  mkdirSync(inner, { recursive: true });
  const modes = (...all: readonly number[]) => [top, outer, inner].forEach((path, at) => chmodSync(path, all[at] ?? 0));
  modes(0o711, 0o711, 0o711);
  t.is(await impassable(join(inner, "file")), undefined);
  modes(0o711, 0o700, 0o700);
  t.is(await impassable(join(inner, "file")), outer);
  modes(0o711, 0o711, 0o700);
  t.is(await impassable(join(inner, "file")), inner);
  t.is(await impassable(inner), undefined, "the thing itself is not on its way");
});
