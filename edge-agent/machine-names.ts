/**
 * What an agent has on its machine outside of its data directory, by name. Two agents of one machine may have one node name
 * (in two clusters, or `lichen up` twice), so where the data is tells them apart: stable over restarts, and found again by
 * whoever clears up.
 */
import { createHash } from "node:crypto";

export interface MachineNames {
  /** below which the cgroups of all its pods are */
  readonly cgroups: string;
  /** directory of the pipes of exec sessions; in memory: whoever comes to make room on a full disk has to get in */
  readonly pipes: string;
  /** of network device and packet filter table; interface names have at most 15 characters */
  readonly network: string;
}

export function machineNames(node: string, dataDir: string): MachineNames {
  const tag = createHash("sha256").update(dataDir).digest("hex").slice(0, 8);
  return { cgroups: `/lichen/${node}/${tag}/kubepods`, pipes: `/run/lichen/${node}/${tag}`, network: `lichen-${tag}` };
}
