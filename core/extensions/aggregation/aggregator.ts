/**
 * Other API servers behind this one (KEP-aggregation): an APIService that names a Service takes over its group version. A
 * controller asks each server for what it serves, which is its health check as well; requests are passed on as they are.
 */
import { Readable } from "node:stream";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import type { Client } from "../../api/client.ts";
import { type Clock, timestamp } from "../../api/clock.ts";
import { sameJson } from "../../api/json.ts";
import type { ChangeableKindTable } from "../../api/kind-table.ts";
import type { Kind } from "../../api/kinds.ts";
import type { Log } from "../../api/log.ts";
import { API_SERVICES, ENDPOINT_SLICES, SERVICES } from "../../api/resources.gen.ts";
import type { APIService, APIServiceCondition } from "../../api/types.gen.ts";
import type { User } from "../../api/user.ts";
import type { Controller, Informers, Outcome } from "../../control/control.ts";
import { watching } from "../../control/loop.ts";
import { UnreachableError } from "../webhooks/endpoint.ts";
import { answered, type Backend, passedOn } from "./backend.ts";
import { serviceName } from "./register.ts";
import { remoteRows } from "./rows.ts";

/** Between two questions to a server that answers, and to one that does not. */
const CHECK_MS = 30_000;
const RECHECK_MS = 5_000;
/** What a server has for its answer (kube-aggregator: five seconds). */
const CHECK_TIMEOUT_MS = 5_000;
/** Largest list of resources that is read. */
const LIST_BYTES_MAX = 3 * 1024 * 1024;

export interface AggregatorParts {
  readonly client: Client;
  readonly informers: Informers;
  readonly kinds: ChangeableKindTable;
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Log;
}

export type Delegate = (request: Request, user: User) => Promise<Response>;

export interface Aggregator {
  /** who answers for a group version; undefined: this server */
  delegate(group: string, version: string): Delegate | undefined;
  readonly controller: Controller;
}

/** The identity under which servers are asked for what they serve. */
const itself: User = { name: "system:kube-aggregator", groups: ["system:masters"] };

export function aggregator({ client, informers, kinds, backend, clock, log }: AggregatorParts): Aggregator {
  const services = informers.of(API_SERVICES);
  const rows = new Map<string, readonly Kind[]>();

  function setRows(name: string, next: readonly Kind[]): void {
    const before = rows.get(name) ?? [];
    if (sameJson(next.map(facts), before.map(facts))) return;
    for (const row of before) kinds.remove(row.group, row.version, row.plural);
    for (const row of next) kinds.set(row);
    if (next.length === 0) rows.delete(name);
    else rows.set(name, next);
  }

  async function reconcile(name: string): Promise<Outcome> {
    const service = services.get(name);
    if (service?.spec?.service === undefined) {
      setRows(name, []);
      return undefined;
    }
    const { condition, resources } = await check(service);
    if (resources !== undefined) setRows(name, remoteRows({ group: service.spec.group ?? "", version: service.spec.version ?? "" }, resources));
    await writeCondition(service, condition);
    return { afterMs: condition.status === "True" ? CHECK_MS : RECHECK_MS };
  }

  async function check(service: APIService): Promise<{ readonly condition: Condition; readonly resources?: unknown }> {
    const { group = "", version = "", service: at } = service.spec ?? {};
    try {
      const path = `/apis/${group}/${version}`;
      const response = await backend.send(service, { method: "GET", path, headers: { accept: "application/json" }, user: itself, signal: AbortSignal.timeout(CHECK_TIMEOUT_MS) });
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > LIST_BYTES_MAX) throw new Error(`the list of resources is larger than ${LIST_BYTES_MAX} bytes`);
        chunks.push(chunk);
      }
      const { statusCode = 0 } = response;
      if (statusCode < 200 || statusCode > 299) throw new Error(`bad status from https://${at?.name}.${at?.namespace}.svc${path}: ${statusCode}`);
      return { condition: unavailable("True", "Passed", "all checks passed"), resources: JSON.parse(Buffer.concat(chunks).toString()) as unknown };
    } catch (error) {
      return { condition: failure(error, at?.namespace ?? "", at?.name ?? "") };
    }
  }

  async function writeCondition(service: APIService, condition: Condition): Promise<void> {
    const before = service.status?.conditions?.find(({ type }) => type === "Available");
    if (before !== undefined && before.status === condition.status && before.reason === condition.reason && before.message === condition.message) return;
    const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : timestamp(clock.now());
    const others = (service.status?.conditions ?? []).filter(({ type }) => type !== "Available");
    const status = { ...service.status, conditions: [...others, { lastTransitionTime, ...condition }] };
    await client.update(API_SERVICES, { name: service.metadata.name ?? "", subresource: "status" }, { ...service, status });
  }

  async function pass(service: APIService, asked: Request, user: User): Promise<Response> {
    if (service.status?.conditions?.some(({ type, status }) => type === "Available" && status === "True") !== true) return unavailableAnswer();
    const url = new URL(asked.url);
    try {
      const response = await backend.send(service, {
        method: asked.method,
        path: url.pathname + url.search,
        headers: passedOn(asked.headers),
        user,
        // two declarations of one class
        ...(asked.body === null ? {} : { body: Readable.fromWeb(asked.body as unknown as NodeReadableStream) }),
        signal: asked.signal,
      });
      const empty = response.statusCode === 204 || response.statusCode === 304 || asked.method === "HEAD";
      return new Response(empty ? null : (Readable.toWeb(response) as unknown as ReadableStream), { status: response.statusCode ?? 502, headers: answered(response.headers) });
    } catch (error) {
      log.warn({ error, service: service.metadata.name }, "a request could not be passed on");
      return unavailableAnswer();
    }
  }

  const remote = (name: string) => {
    const service = services.get(name);
    return service?.spec?.service === undefined ? undefined : service;
  };

  return {
    delegate(group, version) {
      const service = remote(serviceName({ group, version }));
      return service === undefined ? undefined : (asked, user) => pass(service, asked, user);
    },
    controller: {
      name: "apiservice-availability-controller",
      watches: [
        watching(services, ({ metadata }) => [metadata.name ?? ""]),
        watching(informers.of(SERVICES), ({ metadata }) => behind(metadata.namespace, metadata.name)),
        watching(informers.of(ENDPOINT_SLICES), ({ metadata }) => behind(metadata.namespace, metadata.labels?.["kubernetes.io/service-name"])),
      ],
      reconcile,
    },
  };

  function behind(namespace: string | undefined, name: string | undefined): readonly string[] {
    const concerned = services.list().filter(({ spec }) => spec?.service?.namespace === namespace && spec?.service?.name === name);
    return concerned.map(({ metadata }) => metadata.name ?? "");
  }
}

const facts = ({ schema: _schema, hooks: _hooks, ...rest }: Kind) => rest;

type Condition = Omit<APIServiceCondition, "lastTransitionTime">;

const unavailable = (status: string, reason: string, message: string): Condition => ({ type: "Available", status, reason, message });

function failure(error: unknown, namespace: string, name: string): Condition {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof UnreachableError)) return unavailable("False", "FailedDiscoveryCheck", `failing or missing response from https://${name}.${namespace}.svc: ${message}`);
  if (message.endsWith("not found")) return unavailable("False", "ServiceNotFound", `service/${name} in ${JSON.stringify(namespace)} is not present`);
  if (/no service port/.test(message)) return unavailable("False", "ServicePortError", message);
  return unavailable("False", "MissingEndpoints", `endpoints for service/${name} in ${JSON.stringify(namespace)} have no addresses`);
}

function unavailableAnswer(): Response {
  return new Response("service unavailable\n", { status: 503, headers: { "content-type": "text/plain; charset=utf-8" } });
}
