/** One request to the server with the credentials of a kubeconfig: what the commands need of an API client. */
import { type Connection, sendTo } from "../artifacts/push-connection.ts";
import type { Access } from "./kubeconfig.ts";

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  /** sent as JSON */
  readonly body?: unknown;
  readonly contentType?: string;
}

/** The JSON answer. @throws Error when the server cannot be reached, or with its own message for anything but 2xx */
export async function callApi<T>(access: Access, { method, path, body, contentType = "application/json" }: ApiRequest): Promise<T> {
  const connection = sendTo(connectionOf(access));
  try {
    const answer = await connection.send(method, path, {
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": contentType }) },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    });
    const parsed = parseJson(answer.body);
    if (answer.status >= 200 && answer.status < 300) return parsed as T;
    const message = (parsed as { message?: string } | undefined)?.message ?? `the server answered ${answer.status}`;
    throw new Error(message);
  } finally {
    connection.close();
  }
}

export function connectionOf({ server, ca, certificate, key, token }: Access): Connection {
  return {
    server,
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(token === undefined ? {} : { token }),
  };
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}
