import test from "ava";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPki } from "../../core/auth/pki/pki.ts";
import { adminKubeconfig } from "../../core/compose/admin-kubeconfig.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const DAY_MS = 86_400_000;

test("the administrator's kubeconfig is kept while it fits, and made again when anything about it does not", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "lichen-kubeconfig-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const clock = virtualClock();
  const pki = await openPki(join(directory, "pki"), clock);
  const path = join(directory, "kubeconfig");
  const made = async (more: { readonly server?: string; readonly pki?: typeof pki } = {}) => {
    await adminKubeconfig({ path, server: "https://127.0.0.1:6443", pki, clock, ...more });
    return readFileSync(path, "utf8");
  };
  const first = await made();
  t.is(await made(), first);
  await clock.advance(100 * DAY_MS);
  t.is(await made(), first);
  await clock.advance(30 * DAY_MS);
  const renewed = await made();
  t.not(renewed, first);
  const moved = await made({ server: "https://127.0.0.1:7443" });
  t.is(moved, renewed.replace("6443", "7443"));
  t.is(await made({ server: "https://127.0.0.1:7443" }), moved);
  const other = await openPki(join(directory, "other"), clock);
  const foreign = await made({ pki: other });
  t.is(await made({ pki: other }), foreign);
  t.not(await made(), foreign);
  for (const damage of ["", "apiVersion: v1\n", readFileSync(path, "utf8").replace(/client-key-data: .*/, "client-key-data: AAAA")]) {
    writeFileSync(path, damage);
    t.regex(await made(), /client-key-data: \S{40}/);
  }
});
