/** Small JSON requests and their answers, for devices that enroll: bounded bodies in, Status objects out for errors. */
import type { Log } from "../api/log.ts";
import { ApiError, badRequest } from "../api/status.ts";
import { isRecord } from "../wire/shape.ts";

/** A certificate chain, a request and a signature are some 4 KB. */
const MAX_BODY_BYTES = 64 * 1024;

export type Body = { readonly [field: string]: unknown };

/** @throws ApiError "BadRequest" or "RequestEntityTooLarge" */
export async function jsonBody(request: Request): Promise<Body> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request.body ?? []) {
    size += part.length;
    if (size > MAX_BODY_BYTES) throw new ApiError("RequestEntityTooLarge", `the request is larger than ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  let data: unknown;
  try {
    data = JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw badRequest("the request is not JSON");
  }
  if (!isRecord(data)) throw badRequest("the request is not a JSON object");
  return data;
}

export function text(body: Body, field: string): string {
  const value = body[field];
  if (typeof value !== "string" || value === "") throw badRequest(`field ${field} is missing, or is not text`);
  return value;
}

export function errorResponse(error: unknown, log: Log): Response {
  const known = error instanceof ApiError ? error : new ApiError("InternalError", "the server failed; see its log");
  if (known !== error) log.error({ error }, "an enrollment failed");
  else log.info({ reason: known.reason, message: known.message }, "refused an enrollment");
  const wait = known.details?.retryAfterSeconds;
  return Response.json(known.toStatus(), { status: known.code, ...(wait === undefined ? {} : { headers: { "retry-after": String(wait) } }) });
}
