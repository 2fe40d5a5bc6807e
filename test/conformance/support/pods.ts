/** Pods of the suite's image: run to the end and read, or kept running and asked. */
import assert from "node:assert/strict";
import { PODS } from "../../../core/api/resources.gen.ts";
import type { ContainerStatus, Pod } from "../../../core/api/types.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { BUSYBOX } from "./clusters.ts";
import type { Context } from "./conformance.ts";

export interface PodWish {
  readonly name?: string;
  readonly metadata?: object;
  /** fields of the pod's spec beside its containers */
  readonly spec?: object;
  /** of the only container, "main" */
  readonly container?: object;
  /** run by sh in "main" */
  readonly script?: string;
  /** instead of "main" */
  readonly containers?: readonly object[];
}

/** Keeps a container alive and lets it stop at once. */
export const WAIT = "trap exit TERM; while true; do sleep 1; done";
export const sh = (script: string) => ["sh", "-c", script];
export const main = (script: string, more: object = {}, name = "main") => ({ name, image: BUSYBOX, command: sh(script), ...more });

export function podOf({ name = "pod", metadata = {}, spec = {}, container = {}, script = WAIT, containers = [main(script, container)] }: PodWish) {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, ...metadata }, spec: { restartPolicy: "Never", terminationGracePeriodSeconds: 1, containers, ...spec } };
}

export const podsOf = ({ api, namespace }: Context) => api.of(PODS, namespace);

/** @returns the pod when `is` holds of it. @throws with its status when that takes too long */
export async function untilPod(c: Context, name: string, is: (pod: Pod) => boolean, what = "the pod is as expected"): Promise<Pod> {
  return eventually(`${name}: ${what}`, async () => {
    const pod = await podsOf(c).get(name);
    return is(pod) ? pod : Promise.reject(new Error(JSON.stringify(pod.status)));
  });
}

export const isReady = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
export const statusOf = ({ status }: Pod, container = "main"): ContainerStatus | undefined => [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? []), ...(status?.ephemeralContainerStatuses ?? [])].find(({ name }) => name === container);

export async function running(c: Context, wish: PodWish): Promise<Pod> {
  const { metadata } = await podsOf(c).create(podOf(wish));
  return untilPod(c, metadata.name ?? "", isReady, "it is ready");
}

export async function logOf({ api, namespace }: Context, name: string, container?: string): Promise<string> {
  const reply = await api.send("GET", `/api/v1/namespaces/${namespace}/pods/${name}/log`, { query: container === undefined ? {} : { container } });
  assert.equal(reply.status, 200, reply.text);
  return reply.text;
}

/** @returns what the pod printed, when it has succeeded */
export async function output(c: Context, wish: PodWish, phase = "Succeeded"): Promise<string> {
  const { metadata } = await podsOf(c).create(podOf(wish));
  const name = metadata.name ?? "";
  const pod = await untilPod(c, name, ({ status }) => status?.phase === "Succeeded" || status?.phase === "Failed", "it ends");
  const log = await logOf(c, name);
  assert.equal(pod.status?.phase, phase, log);
  return log;
}

export const exec = ({ kubectl, namespace }: Context, pod: string, script: string, container = "main") => kubectl("exec", "-n", namespace, pod, "-c", container, "--", "sh", "-c", script);

/** Waits until a file in a running container reads so. */
export const reads = (c: Context, pod: string, path: string, expected: string | RegExp, container = "main") =>
  eventually(`${path} reads ${expected}`, async () => {
    const content = await exec(c, pod, `cat ${path}`, container);
    return (typeof expected === "string" ? content.trim() === expected : expected.test(content)) || Promise.reject(new Error(content));
  });
