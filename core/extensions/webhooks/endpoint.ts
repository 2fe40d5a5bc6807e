/** Where a webhook is: a URL, or a Service, whose ready endpoints are asked directly because the server is in no pod network. */
import type { Lookup } from "../../admission/lookup.ts";
import { ENDPOINT_SLICES, SERVICES } from "../../api/resources.gen.ts";
import type { ServicePort, WebhookClientConfig } from "../../api/types.gen.ts";

export interface Endpoint {
  /** as messages show it */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** name in the certificate */
  readonly serverName: string;
  /** with the query */
  readonly path: string;
  /** PEM; undefined: the system's */
  readonly ca: string | undefined;
}

export interface ServiceAddress {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

const HTTPS = 443;

/** @throws UnreachableError for a Service without endpoints */
export async function endpointOf(config: WebhookClientConfig, timeoutSeconds: number, lookup: Lookup): Promise<Endpoint> {
  const ca = config.caBundle === undefined || config.caBundle === "" ? undefined : Buffer.from(config.caBundle, "base64").toString();
  const query = `timeout=${timeoutSeconds}s`;
  if (config.url !== undefined) {
    const url = new URL(config.url);
    const path = `${url.pathname}${url.search === "" ? `?${query}` : `${url.search}&${query}`}`;
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    return { url: `${url.protocol}//${url.host}${path}`, host, port: Number(url.port === "" ? HTTPS : url.port), serverName: host, path, ca };
  }
  const { namespace = "", name = "", path = "/", port = HTTPS } = config.service ?? {};
  const rooted = `${path.startsWith("/") ? path : `/${path}`}?${query}`;
  const serverName = `${name}.${namespace}.svc`;
  const url = `https://${serverName}:${port}${rooted}`;
  const address = await addressOf({ namespace, name, port }, lookup).catch((error: unknown) => {
    throw error instanceof UnreachableError ? new UnreachableError(`Post ${JSON.stringify(url)}: ${error.message}`) : error;
  });
  return { url, ...address, serverName, path: rooted, ca };
}

/** One ready endpoint of a Service: the first, so that connections are used again. @throws UnreachableError */
export async function addressOf({ namespace, name, port }: ServiceAddress, lookup: Lookup): Promise<{ readonly host: string; readonly port: number }> {
  const service = lookup.get(SERVICES, namespace, name);
  if (service === undefined) throw new UnreachableError(`service ${JSON.stringify(name)} not found`);
  if (service.spec?.type === "ExternalName") return { host: service.spec.externalName ?? "", port };
  const servicePort = service.spec?.ports?.find((each) => each.port === port);
  if (servicePort === undefined) throw new UnreachableError(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const found = await readyEndpoint(namespace, name, servicePort, lookup);
  if (found === undefined) throw new UnreachableError(`no endpoints available for service ${JSON.stringify(name)}`);
  return found;
}

async function readyEndpoint(namespace: string, name: string, servicePort: ServicePort, lookup: Lookup): Promise<{ readonly host: string; readonly port: number } | undefined> {
  const slices = await lookup.list(ENDPOINT_SLICES, namespace);
  for (const { metadata, ports, endpoints } of slices) {
    if (metadata.labels?.["kubernetes.io/service-name"] !== name) continue;
    const port = (ports ?? []).find((each) => (each.name ?? "") === (servicePort.name ?? ""))?.port;
    const ready = (endpoints ?? []).find(({ conditions, addresses }) => conditions?.ready !== false && (addresses ?? []).length > 0);
    const host = ready?.addresses?.[0];
    if (host !== undefined && port !== undefined) return { host, port };
  }
  return undefined;
}
