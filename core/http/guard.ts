/**
 * What surrounds the handling of every request: a seat under the load limit, a deadline, the audit trail and the figures.
 * Everything here is about the request as a whole; the handlers know nothing of it.
 */
import type { Clock } from "../api/clock.ts";
import { parseDuration } from "../api/duration.ts";
import { ApiError, badRequest } from "../api/status.ts";
import type { Audit, AuditedRequest, Trail } from "./audit/audit.ts";
import type { Call } from "./call.ts";
import { isStream } from "./fairness/asked.ts";
import type { RequestLimit } from "./fairness/limit.ts";
import type { Message, Reply } from "./reply.ts";
import { whole } from "./reply.ts";
import type { RequestMetrics } from "./request-metrics.ts";

export interface GuardParts {
  readonly clock: Clock;
  readonly metrics: RequestMetrics;
  readonly limit: RequestLimit | undefined;
  readonly audit: Audit | undefined;
}

export interface Guarded {
  readonly reply: Reply;
  /** about the request: how it was classified */
  readonly headers: { readonly [name: string]: string };
}

/** kube-apiserver --request-timeout: nobody waits for an answer longer than this. */
export const REQUEST_MS = 60_000;

/** `failed` makes the answer of what was thrown. */
export async function guard(
  call: Call,
  request: AuditedRequest,
  { clock, metrics, limit, audit }: GuardParts,
  handle: () => Promise<Reply>,
  failed: (error: unknown) => Reply,
): Promise<Guarded> {
  const counted = metrics.begin(request);
  const trail = audit?.begin(request);
  let headers: Guarded["headers"] = {};
  let reply: Reply;
  try {
    const admitted = limit?.admit(request);
    const ticket = admitted instanceof Promise ? await admitted : admitted;
    headers = ticket?.headers ?? headers;
    try {
      reply = await withDeadline(call, request, clock, handle);
    } finally {
      ticket?.done();
    }
  } catch (error) {
    reply = failed(error);
  }
  counted(reply === "streamed" ? 200 : reply.status);
  if (reply === "streamed" || trail !== undefined) await record(call, request, reply, metrics, trail);
  return { reply, headers };
}

async function record(call: Call, request: AuditedRequest, reply: Reply, metrics: RequestMetrics, trail: Trail | undefined): Promise<void> {
  if (reply !== "streamed") {
    const sent = trail?.keepsRequest === true ? jsonOf(await call.bodyRead()?.catch(() => undefined)) : undefined;
    trail?.done(reply.status, { request: sent, response: trail.keepsResponse || reply.status >= 400 ? jsonOf(reply.body) : undefined });
    return;
  }
  trail?.started(200);
  const ended = request.verb === "watch" ? metrics.watch(request) : () => {};
  const end = () => {
    ended();
    trail?.done(200);
  };
  if (call.outgoing === undefined) end();
  else call.outgoing.once("close", end);
}

/** Bodies in other formats than JSON are left out of the trail. */
function jsonOf(body: Message["body"] | undefined): unknown {
  if (body === undefined || body === null || body instanceof ReadableStream) return undefined;
  try {
    const all = whole(body);
    return JSON.parse(typeof all === "string" ? all : Buffer.from(all).toString());
  } catch {
    return undefined;
  }
}

function withDeadline(call: Call, request: AuditedRequest, clock: Clock, handle: () => Promise<Reply>): Promise<Reply> {
  if (request.verb === "watch" || isStream(request)) return handle();
  const wanted = timeoutMs(call.query.get("timeout"));
  // one object is read from memory: nothing there to wait for
  if (request.verb === "get" && request.resource !== undefined && wanted === undefined) return handle();
  const ms = Math.min(wanted ?? REQUEST_MS, REQUEST_MS);
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => reject(new ApiError("Timeout", "Timeout: request did not complete within the requested timeout - context deadline exceeded")));
    handle().then(resolve, reject).finally(cancel);
  });
}

/** What the client is willing to wait, in milliseconds; 0 and less mean no wish. @throws ApiError BadRequest */
function timeoutMs(text: string | null): number | undefined {
  if (text === null || text === "") return undefined;
  try {
    const ms = parseDuration(text);
    return ms > 0 ? ms : undefined;
  } catch (error) {
    throw badRequest(`invalid timeout specified in the request URL - ${error instanceof Error ? error.message : text}`);
  }
}
