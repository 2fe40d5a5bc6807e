/** What containerd lists as the agent knows pods. Pure, but for what is asked of single containers and sandboxes. */
import type { RunningContainer, RunningPod } from "../runtime.ts";
import { ANNOTATION, LABEL } from "./labels.ts";
import { CONTAINER_STATES, SANDBOX_READY, type M } from "./messages.ts";

/** undefined: containerd said nothing of it */
export type Detail = M<"ContainerStatus"> | undefined | "gone";

export function groupByPod(items: readonly M<"PodSandbox">[]): Map<string, M<"PodSandbox">[]> {
  const out = new Map<string, M<"PodSandbox">[]>();
  for (const item of items) {
    const uid = item.labels?.[LABEL.podUid];
    if (uid !== undefined) out.set(uid, [...(out.get(uid) ?? []), item]);
  }
  return out;
}

export async function runningPod(
  uid: string,
  sandboxes: readonly M<"PodSandbox">[],
  containers: readonly M<"Container">[],
  addressesOf: (sandbox: M<"PodSandbox">) => Promise<readonly string[]>,
  detailOf: (container: M<"Container">) => Promise<Detail>,
): Promise<RunningPod> {
  const [newest, ...earlier] = sandboxes.toSorted((a, b) => (b.created_at ?? 0) - (a.created_at ?? 0));
  const ready = (newest?.state ?? SANDBOX_READY) === SANDBOX_READY;
  const own = containers.filter(({ labels }) => labels?.[LABEL.podUid] === uid);
  return {
    uid,
    namespace: newest?.metadata?.namespace ?? "",
    name: newest?.metadata?.name ?? "",
    sandboxId: newest?.id ?? "",
    ready,
    ips: ready && newest !== undefined ? await addressesOf(newest) : [],
    createdAt: milliseconds(newest?.created_at),
    attempt: newest?.metadata?.attempt ?? 0,
    earlierSandboxes: earlier.map(({ id = "" }) => id),
    containers: (await Promise.all(own.map(async (container) => {
      const detail = await detailOf(container);
      return detail === "gone" ? [] : [runningContainer(container, detail)];
    }))).flat(),
  };
}

function runningContainer(container: M<"Container">, detail: M<"ContainerStatus"> | undefined): RunningContainer {
  const state = CONTAINER_STATES[detail?.state ?? container.state ?? 0] ?? "unknown";
  const exited = state === "exited";
  return {
    id: container.id ?? "",
    name: container.metadata?.name ?? "",
    sandboxId: container.pod_sandbox_id ?? "",
    attempt: container.metadata?.attempt ?? 0,
    state,
    image: detail?.image?.image ?? container.image?.image ?? "",
    imageId: detail?.image_ref ?? container.image_ref ?? "",
    specHash: container.annotations?.[ANNOTATION.containerHash] ?? "",
    createdAt: milliseconds(container.created_at),
    ...(detail?.started_at === undefined ? {} : { startedAt: milliseconds(detail.started_at) }),
    // containerd notes an OOM kill of any process of the container; it says how the container ended only once it has
    ...(exited
      ? { finishedAt: milliseconds(detail?.finished_at), exitCode: detail?.exit_code ?? 0, reason: detail?.reason ?? "", message: detail?.message ?? "" }
      : {}),
  };
}

export function milliseconds(nanoseconds: number | undefined): number {
  return Math.floor((nanoseconds ?? 0) / 1e6);
}
