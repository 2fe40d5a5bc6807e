/**
 * metrics.k8s.io/v1beta1: NodeMetrics and PodMetrics, made of what the devices answer at this moment. Devices that do not
 * answer are left out of lists, as a metrics server leaves out nodes that it could not scrape.
 */
import type { Client } from "../api/client.ts";
import { timestamp } from "../api/clock.ts";
import type { Kind } from "../api/kinds.ts";
import type { KubeList, KubeObject } from "../api/meta.ts";
import { NODES, PODS } from "../api/resources.gen.ts";
import { ApiError } from "../api/status.ts";
import type { Amount, DeviceUsage } from "../api/usage.ts";
import type { Call } from "./call.ts";
import { mustBeAllowed } from "./forbidden.ts";
import { accepted, listReply, objectReply } from "./format.ts";
import { listOptions } from "./query.ts";
import type { Reply } from "./reply.ts";
import type { Route } from "./route.ts";
import type { HttpServices } from "./services.ts";
import { serverItself } from "./streams/pod-target.ts";

export const METRICS_GROUP = "metrics.k8s.io";

export async function metrics(call: Call, { kind, action, namespace, name }: Route, services: HttpServices): Promise<Reply> {
  const { group, version, plural } = kind;
  await mustBeAllowed(services.authorizer, { user: call.user, verb: action, resource: { group, version, plural, namespace, name } });
  const client = services.clientFor(serverItself);
  const now = services.clock.now();
  const accept = accepted(call, kind);
  const made = plural === "nodes" ? nodeMetrics : podMetrics;
  if (name !== undefined) {
    const [object] = await made(client, services, { namespace, name });
    if (object === undefined) throw new ApiError("NotFound", `${plural}.${group} ${JSON.stringify(name)} not found`, { details: { name, group, kind: plural } });
    return await objectReply(call, kind, accept, object, 200, now);
  }
  const { labelSelector, fieldSelector } = listOptions(call.query);
  const items = await made(client, services, { namespace, labelSelector, fieldSelector });
  return await listReply(call, kind, accept, listOf(kind, items), now);
}

interface Which {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

async function nodeMetrics(client: Client, services: HttpServices, { name, labelSelector, fieldSelector }: Which): Promise<KubeObject[]> {
  const nodes = name === undefined ? (await client.list(NODES, { labelSelector, fieldSelector })).items : [await client.get(NODES, { name })];
  const found = await Promise.all(
    nodes.map(async ({ metadata }) => {
      const usage = await answerOf(services, metadata.name ?? "");
      return usage === undefined ? [] : [{ apiVersion: "metrics.k8s.io/v1beta1", kind: "NodeMetrics", metadata: head(services, metadata), ...window(usage), usage: amounts(usage.node) }];
    }),
  );
  return found.flat();
}

async function podMetrics(client: Client, services: HttpServices, { namespace, name, labelSelector, fieldSelector }: Which): Promise<KubeObject[]> {
  const pods = name === undefined ? (await client.list(PODS, { namespace, labelSelector, fieldSelector })).items : [await client.get(PODS, { namespace, name })];
  const running = pods.filter(({ status, spec }) => status?.phase === "Running" && spec?.nodeName !== undefined);
  const nodes = [...new Set(running.map(({ spec }) => spec?.nodeName ?? ""))];
  const usages = new Map(await Promise.all(nodes.map(async (node) => [node, await answerOf(services, node)] as const)));
  return running.flatMap(({ metadata, spec }) => {
    const usage = usages.get(spec?.nodeName ?? "");
    const pod = usage?.pods.find(({ uid }) => uid === metadata.uid);
    if (usage === undefined || pod === undefined) return [];
    const containers = pod.containers.map((container) => ({ name: container.name, usage: amounts(container) }));
    return [{ apiVersion: "metrics.k8s.io/v1beta1", kind: "PodMetrics", metadata: head(services, metadata), ...window(usage), containers }];
  });
}

/** undefined: the device is away */
async function answerOf({ usages }: HttpServices, node: string): Promise<DeviceUsage | undefined> {
  try {
    return await usages?.of(node);
  } catch {
    return undefined;
  }
}

function head({ clock }: HttpServices, { name, namespace, labels }: KubeObject["metadata"]): KubeObject["metadata"] {
  return { name, ...(namespace === undefined ? {} : { namespace }), ...(labels === undefined ? {} : { labels }), creationTimestamp: timestamp(clock.now()) } as KubeObject["metadata"];
}

function window({ at, windowMs }: DeviceUsage) {
  return { timestamp: timestamp(at), window: `${(windowMs / 1000).toFixed(3).replace(/\.?0+$/, "")}s` };
}

function amounts({ cpu, memory }: Amount) {
  return { ...(cpu === undefined ? {} : { cpu: `${cpu}n` }), ...(memory === undefined ? {} : { memory: `${Math.floor(memory / 1024)}Ki` }) };
}

function listOf({ group, version, listKind }: Kind, items: readonly KubeObject[]): KubeList {
  return { apiVersion: `${group}/${version}`, kind: listKind, metadata: {}, items } as KubeList;
}
