/**
 * Requests to another API server, as the front proxy that it trusts: its address comes from its Service, who asks is told
 * in headers, that the headers are true is shown by a client certificate (documentation, "Configure the Aggregation Layer").
 */
import { type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { Readable } from "node:stream";
import type { Lookup } from "../../admission/lookup.ts";
import type { APIService } from "../../api/types.gen.ts";
import type { User } from "../../api/user.ts";
import { addressOf } from "../webhooks/endpoint.ts";

export interface FrontProxy {
  /** PEM */
  readonly certificate: string;
  readonly key: string;
}

/** Connections to all other servers together; watches hold one each. */
const CONNECTIONS_MAX = 256;
const HTTPS = 443;

export interface Backend {
  send(service: APIService, asked: Asked): Promise<IncomingMessage>;
  close(): void;
}

export interface Asked {
  readonly method: string;
  /** with the query */
  readonly path: string;
  readonly headers: { readonly [name: string]: string | string[] };
  readonly user: User;
  readonly body?: Readable | undefined;
  readonly signal?: AbortSignal | undefined;
}

export function backend({ lookup, proxy }: { readonly lookup: Lookup; readonly proxy: () => Promise<FrontProxy> }): Backend {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });
  return {
    async send({ spec }, { method, path, headers, user, body, signal }) {
      const { namespace = "", name = "", port = HTTPS } = spec?.service ?? {};
      const address = await addressOf({ namespace, name, port }, lookup);
      const { certificate, key } = await proxy();
      const ca = spec?.caBundle === undefined || spec.caBundle === "" ? {} : { ca: Buffer.from(spec.caBundle, "base64").toString() };
      return await new Promise((resolve, reject) => {
        const sent = request(
          {
            ...address,
            method,
            path,
            headers: { ...headers, ...identity(user), host: `${name}.${namespace}.svc` },
            agent,
            cert: certificate,
            key,
            servername: `${name}.${namespace}.svc`,
            rejectUnauthorized: spec?.insecureSkipTLSVerify !== true,
            ...ca,
            ...(signal === undefined ? {} : { signal }),
          },
          resolve,
        );
        sent.on("error", reject);
        if (body === undefined) sent.end();
        else body.on("error", reject).pipe(sent);
      });
    },
    close: () => agent.destroy(),
  };
}

function identity({ name, uid, groups, extra = {} }: User): { readonly [name: string]: string | string[] } {
  const more = Object.entries(extra).map(([key, values]) => [`X-Remote-Extra-${encodeURIComponent(key)}`, [...values]] as const);
  return { "X-Remote-User": name, ...(uid === undefined ? {} : { "X-Remote-Uid": uid }), "X-Remote-Group": [...groups], ...Object.fromEntries(more) };
}

/** Of one connection only (RFC 9110, 7.6.1), credentials of this server, and what only the front proxy may say. */
const DROPPED = /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|authorization|content-length|x-remote-.*|impersonate-.*)$/i;

export function passedOn(headers: Headers): { [name: string]: string } {
  return Object.fromEntries([...headers].filter(([name]) => !DROPPED.test(name)));
}

export function answered(headers: IncomingHttpHeaders): Headers {
  const made = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || /^(?:connection|keep-alive|transfer-encoding|upgrade|proxy-.*)$/i.test(name)) continue;
    for (const each of [value].flat()) made.append(name, each);
  }
  return made;
}
