/** A pod's host name and its resolver (Kubernetes documentation, "DNS for Services and Pods"). */
import type { Pod } from "../../core/api/types.gen.ts";

export interface ClusterDns {
  /** addresses of the cluster's DNS service; empty: the cluster has none */
  readonly servers: readonly string[];
  /** "cluster.local" */
  readonly domain: string;
}

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Linux: HOST_NAME_MAX */
const MAX_HOST_NAME = 63;
/** sethostname(2) takes 64 bytes, also for a full domain name */
const MAX_FQDN = 64;
/** resolv.conf(5) before glibc 2.26 and other resolvers; Kubernetes validates the same numbers */
const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;

/** @throws Error when setHostnameAsFQDN makes a name that Linux cannot hold */
export function podHostname(pod: Pod, domain: string): string {
  if (pod.spec?.hostNetwork === true) return "";
  const chosen = pod.spec?.hostnameOverride ?? pod.spec?.hostname;
  const short = (chosen ?? pod.metadata.name ?? "").slice(0, MAX_HOST_NAME).replace(/[-.]+$/, "");
  const fqdn = podFqdn(pod, domain);
  if (pod.spec?.setHostnameAsFQDN !== true || fqdn === undefined) return short;
  if (fqdn.length > MAX_FQDN) throw new Error(`failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long (${MAX_FQDN} characters is the max, ${fqdn.length} characters requested)`);
  return fqdn;
}

/** "host.subdomain.namespace.svc.cluster.local", for pods with a subdomain */
export function podFqdn(pod: Pod, domain: string): string | undefined {
  const { hostname, subdomain } = pod.spec ?? {};
  if (subdomain === undefined || subdomain === "") return undefined;
  return `${hostname ?? pod.metadata.name}.${subdomain}.${pod.metadata.namespace}.svc.${domain}`;
}

/** `host`: the device's own resolver */
export function podDns(pod: Pod, cluster: ClusterDns, host: DnsConfig): DnsConfig {
  const policy = pod.spec?.dnsPolicy ?? "ClusterFirst";
  const ofCluster = policy === "ClusterFirstWithHostNet" || (policy === "ClusterFirst" && pod.spec?.hostNetwork !== true);
  const { namespace } = pod.metadata;
  const base =
    policy === "None" ? { servers: [], searches: [], options: [] }
    : ofCluster && cluster.servers.length > 0
      ? {
          servers: cluster.servers,
          searches: [`${namespace}.svc.${cluster.domain}`, `svc.${cluster.domain}`, cluster.domain, ...host.searches],
          options: ["ndots:5"],
        }
      : host;
  const extra = pod.spec?.dnsConfig;
  const options = new Map<string, string>();
  for (const option of base.options) options.set(option.split(":")[0] ?? option, option);
  for (const { name = "", value } of extra?.options ?? []) options.set(name, value === undefined ? name : `${name}:${value}`);
  return {
    servers: [...new Set([...base.servers, ...(extra?.nameservers ?? [])])].slice(0, MAX_SERVERS),
    searches: [...new Set([...base.searches, ...(extra?.searches ?? [])])].slice(0, MAX_SEARCHES),
    options: [...options.values()],
  };
}

/** The device's resolv.conf(5) as data. */
export function parseResolvConf(text: string): DnsConfig {
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/));
  const of = (keyword: string) => lines.filter(([first]) => first === keyword).map((words) => words.slice(1));
  return { servers: of("nameserver").flat(), searches: of("search").at(-1) ?? [], options: of("options").flat() };
}
