/**
 * A node that exists only as an object: ready and empty, for what the scheduler decides. Nobody runs or ends its pods, so
 * it is tainted with its own name: only pods that tolerate that come here.
 */
import { NODES } from "../../../core/api/resources.gen.ts";
import type { Api } from "./api.ts";

export async function readyNode(api: Api, name: string, after: (end: () => Promise<unknown>) => void): Promise<string> {
  const nodes = api.of(NODES);
  await nodes.create({ metadata: { name, labels: { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" } }, spec: { taints: [{ key: name, effect: "NoSchedule" }] } });
  after(() => nodes.delete(name));
  const resources = { cpu: "4", memory: "4Gi", pods: "110", "ephemeral-storage": "10Gi" };
  const now = new Date().toISOString().replace(/\.\d+/, "");
  const conditions = [{ type: "Ready", status: "True", reason: "KubeletReady", lastHeartbeatTime: now, lastTransitionTime: now }];
  await nodes.patch(name, { status: { capacity: resources, allocatable: resources, conditions } }, "strategic", "status");
  return name;
}
