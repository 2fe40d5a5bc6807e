/**
 * POST of JSON over HTTPS, with connections kept open per server and authority: webhooks are asked on every write, a TLS
 * handshake each time would be most of the time. Time, size and number are bounded.
 */
import { Agent, request } from "node:https";
import { parseJson } from "../../api/schema/parse-json.ts";
import { type Endpoint, UnreachableError } from "./endpoint.ts";

/** Largest answer that is read: a patch is smaller than the object it changes. */
const ANSWER_BYTES_MAX = 3 * 1024 * 1024;
/** Connections to one webhook; more requests wait for one of them. */
const CONNECTIONS_PER_SERVER = 16;
/** Servers whose connections are kept; a cluster has a handful of webhooks. */
const SERVERS_MAX = 64;

export interface Connections {
  /** the parsed answer; @throws UnreachableError in Go's words */
  post(endpoint: Endpoint, body: unknown, timeoutMs: number): Promise<unknown>;
  close(): void;
}

export function connections(): Connections {
  const agents = new Map<string, Agent>();

  function agentFor({ host, port, serverName, ca }: Endpoint): Agent {
    const key = `${host}:${port}/${serverName}/${ca ?? ""}`;
    const there = agents.get(key);
    if (there !== undefined) return there;
    const [oldest] = agents;
    if (agents.size >= SERVERS_MAX && oldest !== undefined) {
      agents.delete(oldest[0]);
      oldest[1].destroy();
    }
    const made = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_PER_SERVER, ...(ca === undefined ? {} : { ca }), servername: /^[\d.]+$|:/.test(serverName) ? "" : serverName });
    agents.set(key, made);
    return made;
  }

  return {
    async post(endpoint, body, timeoutMs) {
      const text = JSON.stringify(body);
      try {
        const { status, answer } = await exchange(endpoint, text, timeoutMs, agentFor(endpoint));
        if (status < 200 || status > 299) throw new UnreachableError(rejected(status));
        return parsed(answer);
      } catch (error) {
        if (error instanceof UnreachableError) throw error;
        throw new UnreachableError(`Post ${JSON.stringify(endpoint.url)}: ${reason(error, endpoint)}`, { cause: error });
      }
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

function parsed(answer: string): unknown {
  try {
    return parseJson(answer, { duplicates: false }).value;
  } catch (error) {
    throw new UnreachableError(`couldn't get version/kind; json parse error: ${error instanceof Error ? error.message : ""}`);
  }
}

class TimeoutError extends Error {}

async function exchange({ host, port, path }: Endpoint, body: string, timeoutMs: number, agent: Agent): Promise<{ readonly status: number; readonly answer: string }> {
  return await new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", accept: "application/json", "content-length": Buffer.byteLength(body) };
    const asked = request({ host, port, path, method: "POST", headers, agent, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > ANSWER_BYTES_MAX) asked.destroy(new UnreachableError(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`));
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, answer: Buffer.concat(chunks).toString() }));
    });
    asked.on("error", (error) => reject(error.name === "AbortError" || error.name === "TimeoutError" ? new TimeoutError() : error));
    asked.end(body);
  });
}

function rejected(status: number): string {
  return status === 404 ? "the server could not find the requested resource" : `the server answered ${status}`;
}

/** Failures of connections as Go words them; users look for these sentences. */
function reason(error: unknown, { host, port }: Endpoint): string {
  if (error instanceof TimeoutError) return "context deadline exceeded";
  const { code = "", message = "" } = (error ?? {}) as { readonly code?: string; readonly message?: string };
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  switch (code) {
    case "ECONNREFUSED":
      return `dial tcp ${address}: connect: connection refused`;
    case "EHOSTUNREACH":
      return `dial tcp ${address}: connect: no route to host`;
    case "ENETUNREACH":
      return `dial tcp ${address}: connect: network is unreachable`;
    case "ENOTFOUND":
      return `dial tcp: lookup ${host}: no such host`;
    case "ECONNRESET":
      return "EOF";
    case "CERT_HAS_EXPIRED":
      return "tls: failed to verify certificate: x509: certificate has expired or is not yet valid";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `tls: failed to verify certificate: x509: certificate is not valid for ${host}`;
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return "tls: failed to verify certificate: x509: certificate signed by unknown authority";
    default:
      return message;
  }
}
