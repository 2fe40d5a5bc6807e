/**
 * The scheduler alone, in process (budget P4): 5,000 nodes, 50,000 pods, placements per second; and with the constraints
 * of P2. What a decision costs without API, store and binding.
 */
import type { Pod } from "../core/api/types.gen.ts";
import { cluster } from "../core/scheduler/cluster.ts";
import { podInfo } from "../core/scheduler/pod-info.ts";
import { rankings } from "../core/scheduler/rankings.ts";

const NODES = 5_000;
const PODS = 50_000;
const ROUNDS = 5;

const zones = ["moon-1", "moon-2", "moon-3"];
const match = (color: string) => ({ labelSelector: { matchLabels: { color } } });

interface Workload {
  readonly name: string;
  readonly pods: number;
  readonly labels?: Record<string, string>;
  readonly spec?: Partial<Pod["spec"]>;
}

const workloads: readonly Workload[] = [
  { name: "basic", pods: PODS },
  { name: "topology-spread", pods: PODS, labels: { color: "blue" }, spec: { topologySpreadConstraints: [{ maxSkew: 5, topologyKey: "topology.kubernetes.io/zone", whenUnsatisfiable: "DoNotSchedule", ...match("blue") }] } },
  { name: "pod-affinity", pods: PODS, labels: { color: "blue" }, spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "topology.kubernetes.io/zone", ...match("blue") }] } } } },
  { name: "pod-anti-affinity", pods: NODES, labels: { color: "green" }, spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "kubernetes.io/hostname", ...match("green") }] } } } },
];

function run({ pods, labels = {}, spec }: Workload): number {
  const state = cluster(() => ({}));
  for (let index = 0; index < NODES; index++) {
    const name = `node-${index}`;
    state.setNode({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels: { "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zones[index % zones.length] ?? "" } },
      status: { allocatable: { pods: "110", cpu: "4", memory: "32Gi" } },
    });
  }
  const ranked = rankings(state, () => undefined);
  const waiting: Pod[] = Array.from({ length: pods }, (_, index) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `pod-${index}`, namespace: "default", uid: `${index}`, labels },
    spec: { containers: [{ name: "pause", image: "registry.k8s.io/pause", resources: { requests: { cpu: "100m", memory: "500Mi" } } }], ...spec },
  }));
  const started = performance.now();
  let placed = 0;
  for (const pod of waiting) {
    const info = podInfo(pod, state.slots);
    const node = ranked.of(info).best();
    if (node === undefined) continue;
    state.place(info, node.name);
    placed++;
  }
  if (placed !== pods) throw new Error(`${placed} of ${pods} pods were placed`);
  return (placed / (performance.now() - started)) * 1000;
}

for (const workload of workloads) {
  const rates = Array.from({ length: ROUNDS }, () => run(workload)).toSorted((a, b) => a - b);
  console.log(`scheduler-core/${workload.name} ${Math.round(rates[ROUNDS >> 1] ?? 0)} placements/s (budget 100000; Nomad C1M 3750 on 5 servers)`);
}
