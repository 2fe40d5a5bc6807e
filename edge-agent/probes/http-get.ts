/** The HTTP request of probes and hooks: no reuse of connections, no check of certificates, redirects within one host. */
import { request as requestHttp, type IncomingMessage, type RequestOptions } from "node:http";
import { request as requestHttps } from "node:https";
import type { HTTPGetAction } from "../../core/api/types.gen.ts";
import { dialText } from "./dial-text.ts";
import type { Outcome } from "./outcome.ts";
import { portNumber, type NamedPort } from "./ports.ts";

export interface HttpTarget {
  readonly url: URL;
  readonly headers: { readonly [name: string]: string | readonly string[] };
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  /** a redirect to another host, which was not followed */
  readonly elsewhere: boolean;
}

/** The version of Kubernetes whose probes these are: servers recognise probes by it. */
const VERSION = "1.36";
const MAX_REDIRECTS = 10;
/** What is read of an answer; the rest only costs time. */
const MAX_BODY = 10 * 1024;

/** @throws Error on a port name that the container does not have */
export function httpTarget(action: HTTPGetAction, { ip, ports, agent }: { readonly ip: string; readonly ports: readonly NamedPort[]; readonly agent: "kube-probe" | "kube-lifecycle" }): HttpTarget {
  const host = action.host === undefined || action.host === "" ? ip : action.host;
  const path = action.path ?? "/";
  const url = new URL(`${(action.scheme ?? "HTTP").toLowerCase()}://${host.includes(":") ? `[${host}]` : host}:${portNumber(action.port, ports)}${path.startsWith("/") ? "" : "/"}${path}`);
  const given = new Map<string, { readonly name: string; readonly values: string[] }>();
  for (const { name, value } of action.httpHeaders ?? []) {
    const entry = given.get(name.toLowerCase()) ?? { name, values: [] };
    entry.values.push(value);
    given.set(name.toLowerCase(), entry);
  }
  // a header given without a value asks for none at all
  const defaults = { "User-Agent": `${agent}/${VERSION}`, Accept: "*/*" };
  const headers: { [name: string]: string | readonly string[] } = {};
  for (const [name, value] of Object.entries(defaults)) if (!given.has(name.toLowerCase())) headers[name] = value;
  for (const { name, values } of given.values()) if (values.some((value) => value !== "")) headers[name] = values.length === 1 ? (values[0] ?? "") : values;
  return { url, headers };
}

/** @throws Error when there is no answer; the message names the URL */
export async function httpGet(target: HttpTarget, signal: AbortSignal): Promise<HttpAnswer> {
  let { url } = target;
  for (let redirects = 0; ; redirects++) {
    let answer: { readonly status: number; readonly location: string | undefined; readonly body: string };
    try {
      answer = await once(url, target.headers, signal);
    } catch (error) {
      const why = signal.aborted ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)" : dialText(error, url.hostname, Number(url.port));
      throw new Error(`Get "${url.href}": ${why}`, { cause: error });
    }
    const { status, location, body } = answer;
    if (status < 300 || status >= 400 || location === undefined) return { status, body, elsewhere: false };
    const next = new URL(location, url);
    if (next.hostname !== url.hostname) return { status, body, elsewhere: true };
    if (redirects >= MAX_REDIRECTS) throw new Error(`Get "${url.href}": stopped after ${MAX_REDIRECTS} redirects`);
    url = next;
  }
}

export async function probeHttp(target: HttpTarget, signal: AbortSignal): Promise<Outcome> {
  try {
    const { status, body, elsewhere } = await httpGet(target, signal);
    if (elsewhere) return { result: "warning", output: `Probe terminated redirects, Response body: ${body}` };
    return status >= 200 && status < 400 ? { result: "success", output: body } : { result: "failure", output: `HTTP probe failed with statuscode: ${status}` };
  } catch (error) {
    return { result: "failure", output: error instanceof Error ? error.message : String(error) };
  }
}

function once(url: URL, headers: HttpTarget["headers"], signal: AbortSignal): Promise<{ readonly status: number; readonly location: string | undefined; readonly body: string }> {
  const options: RequestOptions & { readonly rejectUnauthorized: boolean } = { method: "GET", agent: false, headers: headers as Record<string, string | string[]>, rejectUnauthorized: false, signal };
  return new Promise((resolve, reject) => {
    const answered = (response: IncomingMessage) => {
      let body = "";
      const done = () => {
        resolve({ status: response.statusCode ?? 0, location: response.headers.location, body: body.slice(0, MAX_BODY) });
        response.destroy();
      };
      response.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
        if (body.length >= MAX_BODY) done();
      }).on("end", done).on("error", reject);
    };
    const sent = url.protocol === "https:" ? requestHttps(url, options, answered) : requestHttp(url, options, answered);
    sent.on("error", reject).end();
  });
}
