/**
 * A server and devices, each a machine on one switch (network namespaces), with routes to each other's pods as a site's
 * network would have them. Needs root.
 */
import { join, resolve } from "node:path";
import { linuxMounter } from "../../edge-agent/volumes/mounts.ts";
import type { Node } from "../../core/api/types.gen.ts";
import { eventually } from "./eventually.ts";
import { type Kubectl, kubectlFor } from "./kubectl.ts";
import { freePort, lichen, type Teardown } from "./lichen.ts";
import type { Program } from "./program.ts";
import { type Machine, networkSwitch, type Switch } from "./switch.ts";

const bin = resolve(import.meta.dirname, "../../core/lichen.js");

export interface FleetDevice {
  /** of its Node */
  readonly node: string;
  readonly machine: Machine;
  readonly agent: Program;
  /** "10.81.0.0/24" */
  readonly podCidr: string;
}

export interface Fleet {
  readonly kubectl: Kubectl;
  readonly dataDir: string;
  readonly net: Switch;
  readonly devices: readonly FleetDevice[];
}

export interface FleetOptions {
  /** "/tmp/…", the server's and the devices' directories are made in it */
  readonly directory: string;
  /** first three numbers of the switch: "10.99.32" */
  readonly subnet: string;
  /** "10.82.0.0/16" */
  readonly clusterCidr: string;
  /** names of the machines: node NAME-MACHINE */
  readonly machines: readonly string[];
  readonly name: string;
  readonly runtimes: string;
}

export async function startFleet(t: Teardown, { directory, subnet, clusterCidr, machines, name, runtimes }: FleetOptions): Promise<Fleet> {
  const dataDir = join(directory, "server");
  // a device that lost its power could not do it
  t.teardown(() => linuxMounter.unmountBelow(directory));
  const net = await networkSwitch(t, subnet);
  const [port, mqttPort] = [await freePort(), await freePort()];
  await lichen(t, ["server", "--data-dir", dataDir, "--port", String(port), "--mqtt-port", String(mqttPort), "--tls-san", net.address, "--cluster-cidr", clusterCidr]).says(/^ready /);
  const kubectl = await kubectlFor(join(dataDir, "kubeconfig"));
  const [token = ""] = await lichen(t, ["token", "create", "--data-dir", dataDir]).says(/^[0-9a-f]{64}\..*$/);
  const started = await Promise.all(
    machines.map(async (each) => {
      const machine = await net.machine(each);
      const node = `${name}-${each}`;
      const args = [bin, "agent", "--server", `https://${net.address}:${port}`, "--name", node, "--data-dir", join(directory, each), "--runtimes", runtimes, "--drain-on-exit"];
      const agent = machine.start(process.execPath, args, { LICHEN_TOKEN: token, LICHEN_LOG: "info" });
      t.teardown(() => agent.stop());
      void agent.ended.then(() => (process.env["LICHEN_TEST_LOG"] === undefined ? undefined : process.stderr.write(`${node}:\n${agent.output()}\n`)));
      await agent.says(/^ready/);
      const podCidr = await eventually("the node has a range", async () => (await kubectl.json<Node>("get", "node", node)).spec?.podCIDR);
      return { node, machine, agent, podCidr };
    }),
  );
  for (const from of started) for (const to of started) if (from !== to) await from.machine.run("ip", "route", "add", to.podCidr, "via", to.machine.address);
  return { kubectl, dataDir, net, devices: started };
}
