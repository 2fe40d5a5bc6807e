/** Name resolution of a pod: policy, configuration, own hosts. */
import { dns1123Subdomain, subdomainWithUnderscores } from "../../names.ts";
import type { HostAlias, PodDNSConfig } from "../../types.gen.ts";
import { ipAddress } from "./addresses.ts";
import { type Errors, check, invalid, isEmpty, notSupported, required } from "./errors.ts";

/** limits of the resolver configuration (resolv.conf) that every C library reads */
const NAMESERVERS = 3;
const SEARCHES = 32;
const SEARCH_CHARACTERS = 2048;
const POLICIES = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

export function validateDnsPolicy(errors: Errors, path: string, policy: string | undefined): void {
  if (isEmpty(policy)) required(errors, path);
  else if (!POLICIES.includes(policy ?? "")) notSupported(errors, path, policy, POLICIES);
}

export function validateDnsConfig(errors: Errors, path: string, config: PodDNSConfig | undefined, policy: string | undefined): void {
  if (policy === "None") {
    if (config === undefined) return required(errors, path, "must provide `dnsConfig` when `dnsPolicy` is None");
    if ((config.nameservers ?? []).length === 0) return required(errors, `${path}.nameservers`, "must provide at least one DNS nameserver when `dnsPolicy` is None");
  }
  if (config === undefined) return;
  const { nameservers = [], searches = [], options = [] } = config;
  if (nameservers.length > NAMESERVERS) invalid(errors, `${path}.nameservers`, nameservers, `must not have more than ${NAMESERVERS} nameservers`);
  nameservers.forEach((address, index) => check(errors, `${path}.nameservers[${index}]`, address, ipAddress));
  if (searches.length > SEARCHES) invalid(errors, `${path}.searches`, searches, `must not have more than ${SEARCHES} search paths`);
  if (searches.join(" ").length > SEARCH_CHARACTERS) {
    invalid(errors, `${path}.searches`, searches, `must not have more than ${SEARCH_CHARACTERS} characters (including spaces) in the search list`);
  }
  searches.forEach((search, index) => {
    // the root alone is a search path, too
    if (search !== ".") check(errors, `${path}.searches[${index}]`, search.replace(/\.$/, ""), subdomainWithUnderscores);
  });
  options.forEach(({ name }, index) => {
    if (isEmpty(name)) required(errors, `${path}.options[${index}]`, "must not be empty");
  });
}

export function validateHostAliases(errors: Errors, path: string, aliases: readonly HostAlias[] | undefined): void {
  aliases?.forEach(({ ip, hostnames }, index) => {
    check(errors, `${path}[${index}].ip`, ip ?? "", ipAddress);
    hostnames?.forEach((hostname, number) => check(errors, `${path}[${index}].hostnames[${number}]`, hostname, dns1123Subdomain));
  });
}
