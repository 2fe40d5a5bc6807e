/** The nodes and pods of Kubernetes' scheduler benchmark (test/integration/scheduler_perf), in numbers and shapes. */

type Json = Readonly<Record<string, unknown>>;

export interface PodShape {
  readonly labels?: Json;
  readonly spec?: Json;
  readonly resources?: Json;
  readonly generateName?: string;
}

export const ZONE = "topology.kubernetes.io/zone";
export const HOSTNAME = "kubernetes.io/hostname";

export function nodeBodies(count: number, zones: readonly string[], more: Json = {}): string[] {
  return Array.from({ length: count }, (_, index) => {
    const resources = { pods: "110", cpu: "4", memory: "32Gi", ...more };
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Node",
      metadata: {
        name: `scheduler-perf-${index}`,
        labels: { [HOSTNAME]: `scheduler-perf-${index}`, [ZONE]: zones[index % zones.length] },
      },
      status: { capacity: resources, allocatable: resources, conditions: [{ type: "Ready", status: "True", reason: "KubeletReady" }] },
    });
  });
}

export function podBodies(count: number, { labels = {}, spec = {}, resources, generateName = "pod-" }: PodShape = {}): string[] {
  const asked = resources ?? { cpu: "100m", memory: "500Mi" };
  const body = JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { generateName, labels },
    spec: {
      containers: [{ name: "pause", image: "registry.k8s.io/pause:3.10.1", ports: [{ containerPort: 80 }], resources: { requests: asked, limits: asked } }],
      ...spec,
    },
  });
  return Array.from({ length: count }, () => body);
}
