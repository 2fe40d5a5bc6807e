import type { Node, Pod, PodSpec, Taint } from "../../../core/api/types.gen.ts";

export interface NodeShape {
  readonly labels?: Record<string, string>;
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly taints?: readonly Taint[];
  readonly handlers?: readonly string[];
}

export function aNode(name: string, shape: NodeShape = {}): Node {
  const { labels, cpu = "4", memory = "32Gi", pods = "110", taints, handlers } = shape;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } },
    spec: taints === undefined ? {} : { taints },
    status: {
      allocatable: { cpu, memory, pods },
      ...(handlers === undefined ? {} : { runtimeHandlers: handlers.map((handler) => ({ name: handler })) }),
    },
  };
}

export interface PodShape extends Partial<PodSpec> {
  readonly labels?: Record<string, string>;
  readonly namespace?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly owner?: string;
}

export function aPod(name: string, shape: PodShape = {}): Pod {
  const { labels, namespace = "default", cpu = "100m", memory = "500Mi", owner, ...spec } = shape;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      ...(labels === undefined ? {} : { labels }),
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: owner, uid: owner, controller: true }] }),
    },
    spec: { containers: [{ name: "main", image: "image", resources: { requests: { cpu, memory } } }], ...spec },
  };
}
