import test from "ava";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publicKeyOfCsr } from "../../core/auth/pki/csr.ts";
import { certificateRequest } from "../../edge-agent/identity/csr.ts";
import { identityStore, newKey, type Identity } from "../../edge-agent/identity/identity.ts";

test("the server accepts our certificate requests and reads the right key out of them", async (t) => {
  const key = createPrivateKey(newKey());
  const read = await publicKeyOfCsr(certificateRequest(key, "edge-1"));
  t.deepEqual(Buffer.from(read), createPublicKey(key).export({ type: "spki", format: "der" }));
});

test("identity is one file that only its owner can read; the enrolling key stays the same until then", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "lichen-identity-"));
  t.teardown(() => rm(directory, { recursive: true }));
  const store = identityStore(directory);
  t.is(await store.read(), undefined);
  const key = await store.enrollingKey();
  t.is(await store.enrollingKey(), key);
  const identity: Identity = { name: "edge-1", server: "https://s", mqtt: ["mqtts://s"], key, certificate: "c", ca: "a", moduleKeys: [] };
  await store.write(identity);
  await store.write({ ...identity, certificate: "c2" });
  t.deepEqual(await identityStore(directory).read(), { ...identity, certificate: "c2" });
  for (const file of ["identity/identity.json", "identity/client.key"]) t.is((await stat(join(directory, file))).mode & 0o777, 0o600, file);
  await t.throwsAsync(stat(join(directory, "enrolling.key")));
});
