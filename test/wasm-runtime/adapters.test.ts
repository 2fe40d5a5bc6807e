import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "ava";

const folder = new URL("../../wasm-runtime/adapters/", import.meta.url);

test("the adapters are those that the README names", (t) => {
  const rows = [...readFileSync(new URL("README.md", folder), "utf8").matchAll(/^\| `(\w+\.wasm)` .*`([0-9a-f]{64})` \|$/gm)];
  t.is(rows.length, 2);
  for (const [, name = "", digest = ""] of rows) t.is(createHash("sha256").update(readFileSync(new URL(name, folder))).digest("hex"), digest, name);
});
