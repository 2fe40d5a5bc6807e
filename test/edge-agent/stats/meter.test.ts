import test from "ava";
import { operationType, measuredCri } from "../../../edge-agent/runtimes/containerd/measured-cri.ts";
import type { Cri } from "../../../edge-agent/runtimes/containerd/cri.ts";
import { meter } from "../../../edge-agent/stats/meter.ts";
import { prometheusText } from "../../../edge-agent/stats/prometheus.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

test("a histogram counts in each bucket all that took no longer", (t) => {
  const measures = meter();
  for (const seconds of [0.7, 1, 2.5, 9_999]) measures.observe("kubelet_pod_start_duration_seconds", seconds);
  const lines = prometheusText(measures.families("kubelet_")).split("\n");
  t.is(lines[1], "# TYPE kubelet_pod_start_duration_seconds histogram");
  const bucket = (le: string) => lines.find((line) => line.startsWith(`kubelet_pod_start_duration_seconds_bucket{le="${le}"}`))?.split(" ")[1];
  t.deepEqual(["0.5", "1", "2", "3", "3600", "+Inf"].map(bucket), ["0", "2", "2", "3", "3", "4"]);
  t.true(lines.includes("kubelet_pod_start_duration_seconds_sum 10003.2"));
  t.true(lines.includes("kubelet_pod_start_duration_seconds_count 4"));
});

test("what belongs to a pod is forgotten with it, and pages show only their own", (t) => {
  const measures = meter();
  for (const pod of ["a", "b"]) measures.count("prober_probe_total", { pod, namespace: "n", result: "successful" });
  measures.count("kubelet_started_pods_total");
  measures.forget({ pod: "a", namespace: "n" });
  t.is(prometheusText(measures.families("prober_")), '# HELP prober_probe_total Cumulative number of a liveness, readiness or startup probe for a container by result.\n# TYPE prober_probe_total counter\nprober_probe_total{namespace="n",pod="b",result="successful"} 1\n');
});

test("calls of the CRI are counted under kubelet's names, those of containerd itself are not", async (t) => {
  const measures = meter();
  const failing: Cri = { call: async (rpc) => (rpc === "PullImage" ? Promise.reject(new Error("no")) : ({} as never)), events: async function* () {}, snapshots: async () => [], close() {} };
  const cri = measuredCri(failing, measures, virtualClock());
  await cri.call("ListPodSandbox", {});
  await cri.call("Kill", {});
  await t.throwsAsync(cri.call("PullImage", {}), { message: "no" });
  const text = prometheusText(measures.families("kubelet_runtime_operations"));
  t.deepEqual(text.match(/^kubelet_runtime_operations_(errors_)?total\{.*$/gm), ['kubelet_runtime_operations_errors_total{operation_type="pull_image"} 1', 'kubelet_runtime_operations_total{operation_type="list_podsandbox"} 1', 'kubelet_runtime_operations_total{operation_type="pull_image"} 1']);
  t.deepEqual(["RunPodSandbox", "ExecSync", "ImageFsInfo", "UpdateContainerResources", "ListPodSandboxStats"].map(operationType), ["run_podsandbox", "exec_sync", "image_fs_info", "update_container", "list_podsandbox_stats"]);
});
