/**
 * The pages that monitoring and people read of a kubelet (`/api/v1/nodes/NAME/proxy/…`), as a function from path to
 * answer. They show and change nothing; who may ask was decided by the server.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DeviceUsage } from "../../core/api/usage.ts";
import type { Pod, PodStatus } from "../../core/api/types.gen.ts";
import { podUid } from "../containers.ts";
import type { ObjectSource } from "../environment.ts";
import { podLimits } from "../pod-resources.ts";
import type { PodDirectories } from "../pod-directories.ts";
import type { RunningPod, Runtime } from "../runtimes/runtime.ts";
import { componentMetrics } from "../stats/component-metrics.ts";
import { diskUsage } from "../stats/machine-usage.ts";
import { cadvisorMetrics } from "../stats/cadvisor-metrics.ts";
import { containerSpec } from "../stats/container-spec.ts";
import type { GroupFigures } from "../stats/group-figures.ts";
import { agentMetrics, resourceMetrics, type MetricsInput } from "../stats/metrics.ts";
import type { Meter } from "../stats/meter.ts";
import { PROMETHEUS_TYPE, prometheusText, type Family } from "../stats/prometheus.ts";
import type { Figures, Sampler } from "../stats/sampler.ts";
import { deviceUsage, summary } from "../stats/summary.ts";
import { volumeMetrics, volumeUsages, type VolumeUsage } from "../stats/volume-usage.ts";

export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface PageParts {
  readonly nodeName: string;
  readonly version: string;
  readonly machine: { readonly cores: number; readonly kernelVersion: string; readonly osImage: string };
  readonly startedAt: number;
  readonly sampler: Sampler;
  readonly runtimes: readonly Runtime[];
  readonly directories: PodDirectories;
  readonly objects: ObjectSource;
  readonly meter: Meter;
  running(): ReadonlyMap<string, RunningPod>;
  pods(): readonly Pod[];
  status(uid: string): PodStatus | undefined;
  /** undefined when the device is Ready, else why not */
  problem(): string | undefined;
  /** shown by /configz */
  readonly settings: object;
}

export interface KubeletPages {
  page(path: string): Promise<Page>;
  usage(): Promise<DeviceUsage>;
}

const TEXT = "text/plain; charset=utf-8";

export function kubeletPages(parts: PageParts): KubeletPages {
  const { sampler, nodeName, version, startedAt } = parts;
  const podOf = (uid: string) => parts.pods().find(({ metadata }) => metadata.uid === uid);
  const memoryLimit = (uid: string, container?: string): number | undefined => {
    const pod = podOf(uid);
    if (pod === undefined) return undefined;
    return container === undefined ? podLimits(pod)["memory"] : containerSpec(pod, container).memoryLimit;
  };
  const groupsOf = async ({ pods }: Figures): Promise<ReadonlyMap<string, GroupFigures>> => {
    const asked = pods.flatMap(({ uid, containers }) => [[uid, uid, undefined] as const, ...containers.map(({ id }) => [id, uid, id] as const)]);
    const found = await Promise.all(asked.map(async ([key, uid, id]) => [key, await figuresOf(parts.runtimes, uid, id)] as const));
    return new Map(found.flatMap(([key, figures]) => (figures === undefined ? [] : [[key, figures]])));
  };
  const volumesOf = async (): Promise<ReadonlyMap<string, readonly VolumeUsage[]>> =>
    new Map(await Promise.all(parts.pods().map(async (pod) => [podUid(pod), await volumeUsages(pod, parts)] as const)));
  const metrics = (families: (input: MetricsInput) => readonly Family[] | Promise<readonly Family[]>) => async (): Promise<Page> => {
    const figures = await sampler.look();
    const text = prometheusText(await families({ nodeName, version, figures, running: parts.running(), startedAt, agentRss: figures.agent.rss ?? 0 }));
    return { status: 200, type: PROMETHEUS_TYPE, body: text };
  };
  const cadvisor = async (): Promise<Page> => {
    const figures = await sampler.look();
    const families = cadvisorMetrics({ version, ...parts.machine, figures, groups: await groupsOf(figures), running: parts.running(), spec: (uid, container) => containerSpec(podOf(uid), container) });
    return { status: 200, type: PROMETHEUS_TYPE, body: prometheusText(families) };
  };
  const stats = async (): Promise<Page> => {
    const figures: Figures = await sampler.look();
    const running = parts.running();
    const logBytes = await logSizes(parts.directories, [...running.values()]);
    return json(summary({ nodeName, figures, groups: await groupsOf(figures), volumes: await volumesOf(), running, logBytes, images: await imageDisk(parts.runtimes), memoryLimit, startedAt }));
  };
  const list = (): Page => {
    const items = parts.pods().map((pod) => ({ ...pod, status: parts.status(pod.metadata.uid ?? "") ?? pod.status ?? {} }));
    return json({ kind: "PodList", apiVersion: "v1", metadata: {}, items });
  };
  const runningPods = (): Page => {
    const items = [...parts.running().values()].map(({ uid, namespace, name, containers }) => ({ metadata: { name, namespace, uid }, spec: { containers: containers.filter(({ state }) => state === "running").map((container) => ({ name: container.name, image: container.image, resources: {} })) }, status: {} }));
    return json({ kind: "PodList", apiVersion: "v1", metadata: {}, items });
  };
  const table: { readonly [path: string]: () => Page | Promise<Page> } = {
    "/healthz": health,
    "/healthz/ping": health,
    "/healthz/log": health,
    "/healthz/syncloop": health,
    "/readyz": () => {
      const problem = parts.problem();
      return problem === undefined ? health() : { status: 503, type: TEXT, body: problem };
    },
    "/stats/summary": stats,
    "/metrics": metrics(async (input) => [
      ...agentMetrics(input),
      ...parts.meter.families("kubelet_"),
      ...volumeMetrics([...(await volumesOf()).values()].flat()),
      ...componentMetrics(parts.runtimes.flatMap((runtime) => runtime.series?.() ?? [])),
    ]),
    "/metrics/cadvisor": cadvisor,
    "/metrics/resource": metrics(resourceMetrics),
    "/metrics/probes": () => ({ status: 200, type: PROMETHEUS_TYPE, body: prometheusText(parts.meter.families("prober_")) }),
    "/pods": list,
    "/runningpods": runningPods,
    "/configz": () => json({ kubeletconfig: { kind: "KubeletConfiguration", apiVersion: "kubelet.config.k8s.io/v1beta1", ...parts.settings } }),
  };

  return {
    async page(path) {
      const known = table[path.length > 1 ? path.replace(/\/$/, "") : path];
      return known === undefined ? { status: 404, type: TEXT, body: "404 page not found\n" } : known();
    },
    usage: async () => deviceUsage(await sampler.look(), parts.running()),
  };
}

async function figuresOf(runtimes: readonly Runtime[], uid: string, containerId: string | undefined): Promise<GroupFigures | undefined> {
  for (const runtime of runtimes) {
    const found = await runtime.figures?.(uid, containerId);
    if (found !== undefined) return found;
  }
  return undefined;
}

function health(): Page {
  return { status: 200, type: TEXT, body: "ok" };
}

function json(body: object): Page {
  return { status: 200, type: "application/json", body: JSON.stringify(body) };
}

async function imageDisk(runtimes: readonly Runtime[]) {
  for (const runtime of runtimes) {
    const space = await runtime.imageSpace?.().catch(() => undefined);
    if (space !== undefined) return { disk: await diskUsage(space.directory), usedBytes: space.usedBytes, usedInodes: space.usedInodes };
  }
  return undefined;
}

async function logSizes(directories: PodDirectories, pods: readonly RunningPod[]): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  await Promise.all(
    pods.flatMap((pod) =>
      [...new Set(pod.containers.map(({ name }) => name))].map(async (name) => {
        const directory = join(directories.logs(pod), name);
        const files = await readdir(directory).catch((): string[] => []);
        const bytes = await Promise.all(files.map((file) => stat(join(directory, file)).then(({ size }) => size, () => 0)));
        sizes.set(`${pod.uid}/${name}`, bytes.reduce((sum, each) => sum + each, 0));
      }),
    ),
  );
  return sizes;
}
