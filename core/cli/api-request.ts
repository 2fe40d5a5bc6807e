/** One request to the server with the credentials of a kubeconfig: what the commands need of an API client. */
import { request } from "node:https";
import type { Access } from "./kubeconfig.ts";

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** A server that does not answer within this is not coming back during one command. */
const TIMEOUT_MS = 60_000;

/** Sends raw bytes (Buffer) or JSON. @throws Error when the server cannot be reached */
export function sendRequest(access: Access, { method, path, body, headers }: ApiRequest): Promise<ApiResponse> {
  const payload = body === undefined ? undefined : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(path, access.server),
      {
        method,
        ca: access.ca,
        cert: access.certificate,
        key: access.key,
        timeout: TIMEOUT_MS,
        headers: {
          accept: "application/json",
          ...(payload === undefined ? {} : { "content-type": "application/json", "content-length": payload.length }),
          ...(access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }),
          ...headers,
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }));
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    outgoing.on("error", (cause) => reject(new Error(`cannot reach ${access.server}: ${cause.message}`, { cause })));
    outgoing.end(payload);
  });
}

/** The JSON answer. @throws Error with the server's own message for anything but 2xx */
export async function callApi<T>(access: Access, call: ApiRequest): Promise<T> {
  const { status, body } = await sendRequest(access, call);
  const answer = parseJson(body);
  if (status >= 200 && status < 300) return answer as T;
  const message = (answer as { message?: string } | undefined)?.message ?? body.toString("utf8").slice(0, 500);
  throw new Error(`${call.method} ${call.path}: ${status} ${message}`);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
