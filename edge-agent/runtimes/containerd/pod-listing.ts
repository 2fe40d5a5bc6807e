/**
 * The pods of this device, from two calls for all of them: details that cannot change any more (a start time, an exit code)
 * are asked for once per container.
 */
import type { Clock } from "../../../core/api/clock.ts";
import type { Log } from "../../../core/api/log.ts";
import type { RunningPod } from "../runtime.ts";
import type { Cri } from "./cri.ts";
import { CONTAINER_STATES, type M } from "./messages.ts";
import { missingIsFine } from "./missing-is-fine.ts";
import { groupByPod, milliseconds, runningPod, type Detail } from "./running-pod.ts";

export interface PodListing {
  /** now */
  pods(): Promise<RunningPod[]>;
  sandboxOf(id: string): Promise<M<"PodSandboxStatus"> | undefined>;
  /** a container or sandbox is stopped from here: nobody wonders why it was killed */
  stopping(id: string): void;
  /** a sandbox is not what it was */
  changed(sandboxId: string): void;
}

/** containerd learns of an OOM kill after the exit (its shim watches the cgroup); for this long a kill may yet turn out to be one. */
const OOM_KNOWN_MS = 10_000;
/** For this long nobody is told of such an exit: most are known by then. */
const OOM_AWAITED_MS = 300;
const KILLED = 137;

/** @param labels of what is this device's */
export function podListing(cri: Cri, labels: Readonly<Record<string, string>>, { clock, log }: { readonly clock: Clock; readonly log: Log }): PodListing {
  const details = new Map<string, M<"ContainerStatus">>();
  const ended = new Set<string>();
  /** sandboxes that are ready: nothing that is asked of them changes */
  const readySandboxes = new Map<string, M<"PodSandboxStatus">>();
  /** A pod that containerd has trouble with stays as it was seen last: the others go on. */
  let lastSeen = new Map<string, RunningPod>();

  const detailOf = async ({ id = "", pod_sandbox_id: sandbox = "", state }: M<"Container">): Promise<Detail> => {
    const known = details.get(id);
    const stopped = ended.has(id) || ended.has(sandbox);
    if (known !== undefined && known.state === state && (stopped || !isDoubtful(known, clock.now()))) return known;
    // removed between the listing and now: nobody needs to know more of it
    const answer = await missingIsFine(cri.call("ContainerStatus", { container_id: id }));
    if (answer === undefined) return "gone";
    const { status } = answer;
    if (status === undefined) return undefined;
    details.set(id, status);
    const awaited = !stopped && isDoubtful(status, clock.now()) && clock.now() - milliseconds(status.finished_at) < OOM_AWAITED_MS;
    return awaited ? { ...status, state: CONTAINER_STATES.indexOf("running") } : status;
  };
  const sandboxOf = async (id: string): Promise<M<"PodSandboxStatus"> | undefined> => {
    const known = readySandboxes.get(id);
    if (known !== undefined) return known;
    const status = (await missingIsFine(cri.call("PodSandboxStatus", { pod_sandbox_id: id })))?.status;
    if (status !== undefined) readySandboxes.set(id, status);
    return status;
  };
  const addressesOf = async ({ id = "" }: M<"PodSandbox">): Promise<readonly string[]> => {
    const network = (await sandboxOf(id))?.network;
    return [network?.ip, ...(network?.additional_ips ?? []).map(({ ip }) => ip)].filter((ip) => ip !== undefined && ip !== "") as string[];
  };
  const lookedAt = async (uid: string, look: () => Promise<RunningPod>): Promise<RunningPod> => {
    try {
      return await look();
    } catch (error) {
      const known = lastSeen.get(uid);
      if (known === undefined) throw error;
      log.warn({ pod: `${known.namespace}/${known.name}`, error: String(error) }, "a pod could not be listed; it counts as it was seen last");
      return known;
    }
  };

  return {
    async pods() {
      const filter = { label_selector: labels };
      const [{ items = [] }, { containers = [] }] = await Promise.all([cri.call("ListPodSandbox", { filter }), cri.call("ListContainers", { filter })]);
      const alive = new Set([...containers.map(({ id }) => id), ...items.map(({ id }) => id)]);
      for (const id of details.keys()) if (!alive.has(id)) details.delete(id);
      for (const id of ended) if (!alive.has(id)) ended.delete(id);
      for (const id of readySandboxes.keys()) if (!alive.has(id)) readySandboxes.delete(id);
      const pods = await Promise.all([...groupByPod(items)].map(([uid, sandboxes]) => lookedAt(uid, () => runningPod(uid, sandboxes, containers, addressesOf, detailOf))));
      lastSeen = new Map(pods.map((pod) => [pod.uid, pod]));
      return pods;
    },
    sandboxOf,
    stopping: (id) => void ended.add(id),
    changed: (sandboxId) => void readySandboxes.delete(sandboxId),
  };
}

function isDoubtful({ exit_code, reason, finished_at }: M<"ContainerStatus">, now: number): boolean {
  return exit_code === KILLED && reason !== "OOMKilled" && now - milliseconds(finished_at) < OOM_KNOWN_MS;
}
