/** /etc/hosts of a pod: the lines that every pod gets, its own names, and those of spec.hostAliases. */
import type { Pod } from "../../core/api/types.gen.ts";
import { podFqdn } from "./names.ts";

const BASE = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

export interface HostsInput {
  readonly pod: Pod;
  readonly podIPs: readonly string[];
  readonly hostname: string;
  readonly domain: string;
  /** the device's own file, for pods in its network */
  readonly hostFile: string;
}

export function hostsFile({ pod, podIPs, hostname, domain, hostFile }: HostsInput): string {
  const aliases = (pod.spec?.hostAliases ?? []).map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join("\t")}\n`).join("");
  const added = aliases === "" ? "" : `\n# Entries added by HostAliases.\n${aliases}`;
  if (pod.spec?.hostNetwork === true) return `# Kubernetes-managed hosts file (host network).\n${hostFile}${added}`;
  const fqdn = podFqdn(pod, domain);
  const short = pod.spec?.hostnameOverride ?? hostname.split(".")[0] ?? hostname;
  const own = podIPs.map((ip) => `${ip}\t${fqdn === undefined ? short : `${fqdn}\t${short}`}\n`).join("");
  return `# Kubernetes-managed hosts file.\n${BASE}${own}${added}`;
}
