import test from "ava";
import { podLimits, podRequests, type ResourceAmounts } from "../../core/api/pod-resources.ts";
import { formatQuantity } from "../../core/api/quantity.ts";
import type { Container, Pod, PodSpec } from "../../core/api/types.gen.ts";

const pod = (spec: Partial<PodSpec>): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: { containers: [], ...spec } });
const container = (cpu: string, more: Partial<Container> = {}): Container => ({ name: "c", resources: { requests: { cpu } }, ...more });
const texts = (amounts: ResourceAmounts) => Object.fromEntries([...amounts].map(([name, amount]) => [name, formatQuantity(amount)]));

test("containers add up; init containers run one after another", (t) => {
  const spec = { containers: [container("100m"), container("200m")] };
  t.deepEqual(texts(podRequests(pod(spec))), { cpu: "300m" });
  t.deepEqual(texts(podRequests(pod({ ...spec, initContainers: [container("250m"), container("250m")] }))), { cpu: "300m" });
  t.deepEqual(texts(podRequests(pod({ ...spec, initContainers: [container("400m"), container("50m")] }))), { cpu: "400m" });
});

test("a sidecar counts beside the containers, and beside the init containers after it", (t) => {
  const sidecar = container("100m", { restartPolicy: "Always" });
  t.deepEqual(texts(podRequests(pod({ containers: [container("100m")], initContainers: [sidecar, container("300m")] }))), { cpu: "400m" });
  t.deepEqual(texts(podRequests(pod({ containers: [container("100m")], initContainers: [container("300m"), sidecar] }))), { cpu: "300m" });
});

test("what the pod states stands for its containers; overhead comes on top", (t) => {
  const spec = { containers: [container("100m")], resources: { requests: { cpu: "1" } }, overhead: { cpu: "10m", memory: "1Mi" } };
  t.deepEqual(texts(podRequests(pod(spec))), { cpu: "1010m", memory: "1Mi" });
});

test("a limit of the pod is a request only where no container requests the resource", (t) => {
  const spec = { containers: [container("100m")], resources: { limits: { cpu: "1", memory: "64Mi" } } };
  t.deepEqual(texts(podRequests(pod(spec))), { cpu: "100m", memory: "64Mi" });
});

test("a limit without a request is the request, too", (t) => {
  const limited: Container = { name: "c", resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m" } } };
  t.deepEqual(texts(podRequests(pod({ containers: [limited] }))), { cpu: "500m", memory: "1Gi" });
});

test("overhead adds to limits, and makes none", (t) => {
  const overhead = { cpu: "10m", memory: "1Mi" };
  t.deepEqual(texts(podLimits(pod({ containers: [container("100m")], overhead }))), {});
  t.deepEqual(texts(podLimits(pod({ containers: [{ name: "c", resources: { limits: { cpu: "1" } } }], overhead }))), { cpu: "1010m" });
});
