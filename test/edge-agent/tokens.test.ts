import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { timestamp } from "../../core/api/clock.ts";
import { silentLog } from "../../core/api/log.ts";
import { openTokens } from "../../edge-agent/tokens.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { pod } from "./support/pods.ts";

test("a token is asked for once until four fifths of its life are over; only then volumes that show it are made anew", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "lichen-tokens-"));
  // nobody waits for the file of tokens: it may be written just now
  t.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 10 }));
  const clock = virtualClock();
  let asked = 0;
  const ask = async () => ({ token: `token ${++asked}`, expires: timestamp(clock.now() + 3_600_000) });
  const tokens = await openTokens({ file: join(directory, "tokens.json"), clock, log: silentLog, ask });
  const source = { path: "token", expirationSeconds: 3600 };
  const web = pod("web", { volumes: [{ name: "access", projected: { sources: [{ serviceAccountToken: source }] } }] });

  const first = tokens.round(web);
  t.is(await tokens.get(web, source), "token 1");
  t.is(tokens.round(web), first, "the first token is no reason to make the volume twice");
  await clock.advance(2_800_000);
  t.is(await tokens.get(web, source), "token 1");
  t.is(tokens.round(web), first);
  await clock.advance(100_000);
  t.not(tokens.round(web), first);
  t.is(await tokens.get(web, source), "token 2");
  t.is(tokens.round(web), first);
});
