import test from "ava";
import { hostAddresses } from "../../edge-agent/addresses.ts";
import { virtualClock } from "../support/virtual-clock.ts";

test("the kernel is asked for addresses now and then, however often somebody wants to know", async (t) => {
  const clock = virtualClock();
  let asked = 0;
  const addresses = hostAddresses(clock, () => [`192.0.2.${++asked}`]);
  for (let look = 0; look < 1_000; look++) t.deepEqual(addresses(), ["192.0.2.1"]);
  await clock.advance(10_000);
  t.deepEqual(addresses(), ["192.0.2.2"]);
  t.is(asked, 2);
});

test("a machine has an address that is not its loopback's, or says that it is alone", (t) => {
  const [first = ""] = hostAddresses(virtualClock())();
  t.regex(first, /^\d+\.\d+\.\d+\.\d+$/);
});
