import test from "ava";
import { frontProxy } from "../../core/compose/front-proxy.ts";
import type { Clock } from "../../core/api/clock.ts";

const DAY_MS = 86_400_000;

function setup() {
  const state = { now: 0, issued: 0, fails: false };
  const clock: Clock = { now: () => state.now, monotonic: () => state.now, after: () => () => {} };
  const pki = {
    async issueClient() {
      if (state.fails) throw new Error("no key");
      return { certificate: `certificate ${++state.issued}`, key: "key" };
    },
  };
  return { state, certificate: frontProxy({ pki, clock }) };
}

test("the front proxy's certificate is made once, and again while a third of its life is left", async (t) => {
  const { state, certificate } = setup();
  t.is((await certificate()).certificate, "certificate 1");
  state.now = 243 * DAY_MS;
  t.is((await certificate()).certificate, "certificate 1");
  state.now = 244 * DAY_MS;
  t.is((await certificate()).certificate, "certificate 2");
  state.now = 0;
  t.is((await certificate()).certificate, "certificate 3", "made while the clock was ahead");
});

test("a certificate that could not be made is tried again", async (t) => {
  const { state, certificate } = setup();
  state.fails = true;
  await t.throwsAsync(certificate);
  state.fails = false;
  t.is((await certificate()).certificate, "certificate 1");
});
