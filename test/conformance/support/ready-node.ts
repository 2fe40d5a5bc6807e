/** A node that exists only as an object: ready and empty, for what the scheduler and controllers decide. */
import { NODES } from "../../../core/api/resources.gen.ts";
import type { Api } from "./api.ts";

export async function readyNode(api: Api, name: string, after: (end: () => Promise<unknown>) => void): Promise<string> {
  const nodes = api.of(NODES);
  await nodes.create({ metadata: { name, labels: { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" } }, spec: {} });
  after(() => nodes.delete(name));
  const resources = { cpu: "4", memory: "4Gi", pods: "110", "ephemeral-storage": "10Gi" };
  const now = new Date().toISOString().replace(/\.\d+/, "");
  const conditions = [{ type: "Ready", status: "True", reason: "KubeletReady", lastHeartbeatTime: now, lastTransitionTime: now }];
  await nodes.patch(name, { status: { capacity: resources, allocatable: resources, conditions } }, "strategic", "status");
  return name;
}
