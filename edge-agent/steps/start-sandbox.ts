import { troubled } from "../memory.ts";
import { podDns, podHostname } from "../network/names.ts";
import { handlerOf, ownHandler } from "../runtime-class.ts";
import { textOf, unchanged, type Executor } from "./executor.ts";

/** The pod's own network and namespaces. */
export const startSandbox: Executor<"startSandbox"> = async ({ attempt }, { device, pod, id, runtime, running }) => {
  if (pod === undefined) return unchanged;
  try {
    const cluster = device.clusterDns();
    const hostname = podHostname(pod, cluster.domain);
    const [hostDns, logDirectory] = await Promise.all([device.hostDns(), device.files.logDirectory(id)]);
    const dns = podDns(pod, cluster, hostDns);
    // one that died by itself still has its address and its host ports
    if (running !== undefined) await device.removals.run(() => runtime.stopSandbox(running.sandboxId));
    await device.starts.run(() => runtime.startSandbox(pod, { logDirectory, attempt, handler: ownHandler(handlerOf(pod, device.objects), runtime), hostname, dns }));
    device.meter?.count("kubelet_started_pods_total");
    return (memory) => ({ ...memory, sandboxTrouble: undefined, podResources: pod.spec?.resources });
  } catch (error) {
    device.meter?.count("kubelet_started_pods_errors_total");
    const message = `Failed to create pod sandbox: ${textOf(error)}`;
    device.events.pod(pod, { type: "Warning", reason: "FailedCreatePodSandBox", message });
    return (memory) => ({ ...memory, sandboxTrouble: troubled(memory.sandboxTrouble, { reason: "FailedCreatePodSandBox", message }, device.clock.now()) });
  }
};
