/**
 * The API as any HTTPS client sees it: the paths, verbs and media types of the Kubernetes API reference, and none of the
 * server's own code. Tests name resources by the typed constants of the generated table.
 */
import { type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import type { Resource } from "../../../core/api/client.ts";
import type { AnyObject, KubeList, KubeObject } from "../../../core/api/meta.ts";
import type { Status } from "../../../core/api/status.ts";
import { readAccess } from "../../../core/cli/kubeconfig.ts";
import { type Watching, watching } from "./watching.ts";

export interface Reply<T = AnyObject> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** the body read as JSON; throws when it is something else */
  readonly json: T;
}

export interface Request {
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Query = Readonly<Record<string, string | number | boolean>>;

/** The server refused: `status` is its answer. */
export class Refused extends Error {
  readonly code: number;
  readonly status: Status;
  constructor(what: string, reply: Reply<Status>) {
    super(`${what}: ${reply.status} ${reply.text.slice(0, 2000)}`);
    this.code = reply.status;
    // paths that are not served answer with text
    this.status = reply.headers["content-type"]?.includes("json") === true ? reply.json : { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message: reply.text, code: reply.status };
  }
}

const patchTypes = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

/** One resource in one namespace (or cluster-wide). Rejects with `Refused` for every answer that is not 2xx. */
export interface Resources<T extends KubeObject> {
  readonly path: string;
  create(object: object, query?: Query): Promise<T>;
  get(name: string, subresource?: string): Promise<T>;
  list(query?: Query): Promise<KubeList<T>>;
  update(object: T, subresource?: string, query?: Query): Promise<T>;
  patch(name: string, patch: object, type?: keyof typeof patchTypes, subresource?: string, query?: Query): Promise<T>;
  delete(name: string, options?: object): Promise<AnyObject>;
  deleteCollection(query?: Query, options?: object): Promise<AnyObject>;
  watch(query?: Query): Promise<Watching<T>>;
}

export interface Api {
  readonly server: URL;
  /** any path, any answer */
  send<T = AnyObject>(method: string, path: string, request?: Request): Promise<Reply<T>>;
  /** GET that must succeed */
  read<T = AnyObject>(path: string, query?: Query): Promise<T>;
  of<T extends KubeObject>(resource: Resource<T>, namespace?: string): Resources<T>;
  close(): void;
}

const encode = (body: unknown) => (Buffer.isBuffer(body) ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body)));

export function apiOf(kubeconfig: string): Api {
  const access = readAccess({ dataDir: "", kubeconfig });
  const server = new URL(access.server);
  const agent = new Agent({ keepAlive: true, ca: access.ca, cert: access.certificate, key: access.key });

  const open = (method: string, path: string, { query = {}, body, headers = {} }: Request): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const url = new URL(path, server);
      for (const [name, value] of Object.entries(query)) url.searchParams.append(name, String(value));
      const bytes = body === undefined ? undefined : encode(body);
      // Node sends no length of its own with a DELETE
      const content = bytes === undefined ? {} : { "content-type": "application/json", "content-length": bytes.length };
      const request = httpsRequest(url, { method, agent, headers: { accept: "application/json", ...content, ...headers } }, resolve);
      request.on("error", reject);
      request.end(bytes);
    });
  const send = async <T>(method: string, path: string, request: Request = {}): Promise<Reply<T>> => {
    const response = await open(method, path, request);
    const answer = await text(response);
    return { status: response.statusCode ?? 0, headers: response.headers, text: answer, get json() { return JSON.parse(answer) as T; } };
  };
  const call = async <T>(method: string, path: string, request: Request = {}): Promise<T> => {
    const reply = await send<T>(method, path, request);
    if (reply.status >= 300) throw new Refused(`${method} ${path}`, reply as Reply<never>);
    return reply.json;
  };

  return {
    server,
    send,
    read: (path, query) => call("GET", path, { query }),
    of<T extends KubeObject>({ group, version, plural }: Resource<T>, namespace?: string): Resources<T> {
      const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
      const path = `${root}${namespace === undefined ? "" : `/namespaces/${namespace}`}/${plural}`;
      const one = (name: string, subresource?: string) => `${path}/${name}${subresource === undefined ? "" : `/${subresource}`}`;
      return {
        path,
        create: (object, query) => call("POST", path, { body: object, query }),
        get: (name, subresource) => call("GET", one(name, subresource)),
        list: (query) => call("GET", path, { query }),
        update: (object, subresource, query) => call("PUT", one(object.metadata.name ?? "", subresource), { body: object, query }),
        patch: (name, patch, type = "merge", subresource = undefined, query = {}) =>
          call("PATCH", one(name, subresource), { body: patch, query, headers: { "content-type": patchTypes[type] } }),
        delete: (name, options) => call("DELETE", one(name), { body: options }),
        deleteCollection: (query, options) => call("DELETE", path, { query, body: options }),
        async watch(query) {
          const response = await open("GET", path, { query: { ...query, watch: true } });
          if (response.statusCode !== 200) throw new Error(`watch ${path}: ${response.statusCode} ${await text(response)}`);
          return watching<T>(response);
        },
      };
    },
    close: () => agent.destroy(),
  };
}

/** The Status with which a call was refused. @throws when the call succeeded, or failed in another way */
export async function refusal(call: Promise<unknown>): Promise<Status & { readonly code: number }> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Refused) return { ...error.status, code: error.code };
    throw error;
  }
  throw new Error("the call succeeded, a refusal was expected");
}

