/**
 * The kinds of metrics.k8s.io: figures of this moment, made when they are asked for and never stored. They have rows so
 * that discovery, OpenAPI and Tables know them; their two verbs are answered by the HTTP layer from what devices say.
 */
import { factTypes, types } from "../schema/facts.ts";
import { type KindRow, rowsOf } from "./built-in-rows.ts";

const models = "io.k8s.metrics.pkg.apis.metrics.v1beta1";
const metrics = rowsOf({ group: "metrics.k8s.io", version: "v1beta1", models });
const readOnly = { verbs: ["get", "list"] } as const;

export const metricsRows: readonly KindRow[] = [metrics.inCluster("NodeMetrics", "nodes", readOnly), metrics.inNamespace("PodMetrics", "pods", readOnly)];

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
const head = { kind: "- string?", apiVersion: "- string?", metadata: `1 ${meta}.ObjectMeta?` };
const window = { timestamp: "2 Time", window: "3 Duration" };

export const metricsTypes = factTypes(
  {
    [models]: {
      NodeMetrics: { ...head, ...window, usage: "4 {}Quantity" },
      PodMetrics: { ...head, ...window, containers: "4 []ContainerMetrics" },
      NodeMetricsList: { ...head, metadata: `1 ${meta}.ListMeta?`, items: "2 []NodeMetrics" },
      PodMetricsList: { ...head, metadata: `1 ${meta}.ListMeta?`, items: "2 []PodMetrics" },
      ContainerMetrics: { name: "1 string", usage: "2 {}Quantity" },
    },
  },
  types,
);
