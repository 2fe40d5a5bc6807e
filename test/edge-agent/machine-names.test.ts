import test from "ava";
import { machineNames } from "../../edge-agent/machine-names.ts";

test("two devices of one name on one machine share nothing; the same one finds its own again", (t) => {
  const one = machineNames("edge-1", "/var/lib/one");
  const two = machineNames("edge-1", "/var/lib/two");
  for (const name of ["cgroups", "pipes", "network"] as const) t.not(one[name], two[name]);
  t.deepEqual(machineNames("edge-1", "/var/lib/one"), one);
});

test("names fit where they go", (t) => {
  const { cgroups, pipes, network } = machineNames("n".repeat(253), "/var/lib/lichen");
  t.true(network.length <= 15, "IFNAMSIZ without its NUL");
  for (const part of [...cgroups.split("/"), ...pipes.split("/")]) t.true(part.length <= 255, "NAME_MAX");
});
