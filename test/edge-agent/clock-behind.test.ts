/** A board without a battery clock: it wakes in 1970, its runtime stays there, and the server says what time it is. */
import test from "ava";
import { hintedClock } from "../../edge-agent/hinted-clock.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { crashing } from "./support/crashing.ts";
import { testDevice } from "./support/device.ts";
import { pod } from "./support/pods.ts";

const TODAY = Date.UTC(2030, 0, 1);

test("the server's time counts while the system's is far behind, and is news once", async (t) => {
  const system = virtualClock(60_000);
  const clock = hintedClock(system);
  t.false(clock.hint(120_000), "a minute may be the network's");
  t.is(clock.now(), 60_000);
  t.true(clock.hint(TODAY));
  t.is(clock.now(), TODAY);
  t.is(clock.ahead(), TODAY - 60_000);
  await system.advance(5_000);
  t.false(clock.hint(TODAY + 5_000));
  t.is(clock.now(), TODAY + 5_000);
});

test("on a device in 1970 containers back off as anywhere, and the API sees today's times", async (t) => {
  const device = await testDevice({ clock: virtualClock(60_000), behindMs: TODAY });
  t.teardown(device.close);
  const gaps = crashing(device);
  await device.put(pod("web"));
  await device.clock.until(() => gaps().length === 4);
  t.deepEqual(gaps(), [0, 10, 20, 40]);
  const finishedAt = device.status("web").containerStatuses?.[0]?.lastState?.terminated?.finishedAt ?? "";
  t.is(new Date(finishedAt).getUTCFullYear(), 2030);
});
