/** Short ways to write pods. */
import type { AnyObject } from "../../../core/api/meta.ts";
import type { Container, Pod, PodSpec } from "../../../core/api/types.gen.ts";

export type TestPod = Pod & AnyObject;

export function pod(name: string, spec: Partial<PodSpec> = {}, metadata: Pod["metadata"] = {}): TestPod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion: "1", generation: 1, ...metadata },
    spec: { restartPolicy: "Always", terminationGracePeriodSeconds: 30, containers: [container("main")], ...spec },
  } as TestPod;
}

export function container(name: string, more: Partial<Container> = {}): Container {
  return { name, image: "example.com/app:1", imagePullPolicy: "IfNotPresent", ...more };
}

/** The same pod as the server sends it after a deletion. */
export function deleted(of: TestPod, graceSeconds = 30): TestPod {
  return {
    ...of,
    metadata: { ...of.metadata, resourceVersion: `${Number(of.metadata.resourceVersion) + 1}`, deletionTimestamp: "2030-01-01T00:01:00Z", deletionGracePeriodSeconds: graceSeconds },
  };
}
