/**
 * The checks of the Pod Security Standards (Kubernetes documentation, "Pod Security Standards"), as data: each looks at a
 * pod and says what is wrong with it. "restricted" is all of "baseline" and more; some of its checks stand for a weaker one.
 */
import type { Container, PodSpec, Probe, SecurityContext, Volume } from "../api/types.gen.ts";

export type Level = "privileged" | "baseline" | "restricted";

export interface Finding {
  readonly reason: string;
  readonly detail: string;
}

interface Check {
  readonly level: Exclude<Level, "privileged">;
  /** the baseline check that this one includes */
  readonly insteadOf?: string;
  readonly id: string;
  /** the first 1.x whose policy has the check in this form; a later form of the same id takes its place */
  readonly since?: number;
  readonly find: (pod: PodSpec, annotations: Annotations) => Finding | undefined;
}

export type Annotations = { readonly [key: string]: string };

export interface Policy {
  readonly level: Level;
  /** the minor version of 1.x whose rules hold; Infinity: the latest */
  readonly version: number;
}

/** What is wrong with a pod by a policy: baseline first, each in the order of the checks' names. */
export function findings({ level, version }: Policy, pod: PodSpec, annotations: Annotations = {}): readonly Finding[] {
  if (level === "privileged") return [];
  const known = checks.filter(({ since = 0 }) => since <= version);
  const forms = known.filter(({ id, since = 0 }) => !known.some((other) => other.id === id && (other.since ?? 0) > since));
  const replaced = new Set(level === "restricted" ? forms.map(({ insteadOf }) => insteadOf) : []);
  const applying = forms.filter((check) => (check.level === "baseline" ? !replaced.has(check.id) : level === "restricted"));
  return applying.flatMap(({ find }) => find(pod, annotations) ?? []);
}

const containersOf = ({ initContainers = [], containers, ephemeralContainers = [] }: PodSpec): readonly Container[] => [
  ...initContainers,
  ...containers,
  ...(ephemeralContainers as readonly Container[]),
];

const quoted = (names: readonly string[]) => names.map((name) => JSON.stringify(name)).join(", ");
const plural = (noun: string, names: readonly string[]) => `${noun}${names.length === 1 ? "" : "s"} ${quoted(names)}`;
const unique = (items: readonly string[]) => [...new Set(items)].toSorted();

/** Containers for which something holds, as Kubernetes names them. */
function atFault(pod: PodSpec, test: (security: SecurityContext | undefined, container: Container) => boolean): readonly string[] {
  return containersOf(pod).filter((container) => test(container.securityContext, container)).map(({ name }) => name);
}

function each(reason: string, what: string, test: (security: SecurityContext | undefined, container: Container) => boolean) {
  return (pod: PodSpec): Finding | undefined => {
    const names = atFault(pod, test);
    return names.length === 0 ? undefined : { reason, detail: `${plural("container", names)} ${what}` };
  };
}

/** "pod", "container "c"", or both. */
function setters(podSet: boolean, names: readonly string[]): string {
  return [...(podSet ? ["pod"] : []), ...(names.length === 0 ? [] : [plural("container", names)])].join(" and ");
}

const isWindows = ({ os }: PodSpec) => os?.name === "windows";
const ownUsers = ({ hostUsers }: PodSpec) => hostUsers === false;

const DEFAULT_CAPABILITIES = new Set(
  "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT".split(" "),
);
/** with the 1.x that found them safe */
const SAFE_SYSCTLS: readonly (readonly [since: number, names: readonly string[]])[] = [
  [0, ["kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_syncookies"]],
  [27, ["net.ipv4.ip_local_reserved_ports"]],
  [29, ["net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time"]],
  [32, ["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"]],
];
const SELINUX_TYPES = ["", "container_t", "container_init_t", "container_kvm_t"];
const VOLUME_TYPES = new Set(["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"]);

function capabilities(reason: string, allowed: ReadonlySet<string>, dropAll: boolean) {
  const adding = (security: SecurityContext | undefined) => (security?.capabilities?.add ?? []).filter((name) => !allowed.has(name));
  return (pod: PodSpec): Finding | undefined => {
    const keeping = dropAll ? atFault(pod, (security) => security?.capabilities?.drop?.includes("ALL") !== true) : [];
    const adders = atFault(pod, (security) => adding(security).length > 0);
    const added = unique(containersOf(pod).flatMap(({ securityContext }) => adding(securityContext)));
    const details = [
      ...(keeping.length === 0 ? [] : [`${plural("container", keeping)} must set securityContext.capabilities.drop=["ALL"]`]),
      ...(adders.length === 0 ? [] : [`${plural("container", adders)} must not include ${quoted(added)} in securityContext.capabilities.add`]),
    ];
    return details.length === 0 ? undefined : { reason, detail: details.join("; ") };
  };
}

function hostNamespaces({ hostNetwork, hostPID, hostIPC }: PodSpec): Finding | undefined {
  const set = Object.entries({ hostNetwork, hostPID, hostIPC }).filter(([, value]) => value === true);
  return set.length === 0 ? undefined : { reason: "host namespaces", detail: set.map(([name]) => `${name}=true`).join(", ") };
}

function hostPathVolumes({ volumes = [] }: PodSpec): Finding | undefined {
  const names = volumes.filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name);
  return names.length === 0 ? undefined : { reason: "hostPath volumes", detail: plural("volume", names) };
}

const portsOf = ({ ports = [] }: Container) => ports.map(({ hostPort = 0 }) => hostPort).filter((port) => port !== 0);

function hostPorts(pod: PodSpec): Finding | undefined {
  const names = atFault(pod, (_, container) => portsOf(container).length > 0);
  if (names.length === 0) return undefined;
  const ports = [...new Set(containersOf(pod).flatMap(portsOf))].toSorted((a, b) => a - b);
  const uses = names.length === 1 ? "uses" : "use";
  return { reason: "hostPort", detail: `${plural("container", names)} ${uses} hostPort${ports.length === 1 ? "" : "s"} ${ports.join(", ")}` };
}

const hostsOf = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container): readonly string[] => {
  const handlers: readonly (Pick<Probe, "httpGet" | "tcpSocket"> | undefined)[] = [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop];
  return handlers.flatMap((handler) => [handler?.httpGet?.host ?? "", handler?.tcpSocket?.host ?? ""]).filter((host) => !["", "127.0.0.1", "::1", "localhost"].includes(host));
};

function hostProbes(pod: PodSpec): Finding | undefined {
  const names = atFault(pod, (_, container) => hostsOf(container).length > 0);
  if (names.length === 0) return undefined;
  const hosts = unique(containersOf(pod).flatMap(hostsOf));
  return { reason: "probe or lifecycle host", detail: `${plural("container", names)} ${names.length === 1 ? "uses" : "use"} probe or lifecycle ${plural("host", hosts)}` };
}

const unconfined = (of: { readonly appArmorProfile?: { readonly type?: string } } | undefined) => of?.appArmorProfile?.type === "Unconfined";

const APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/";

function appArmor(pod: PodSpec, annotations: Annotations): Finding | undefined {
  const names = atFault(pod, unconfined);
  const inPod = unconfined(pod.securityContext);
  const bad = Object.entries(annotations)
    .filter(([key, value]) => key.startsWith(APP_ARMOR) && !/^(?:$|runtime\/default$|localhost\/)/.test(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .toSorted();
  if (!inPod && names.length === 0 && bad.length === 0) return undefined;
  const who = [...(inPod || names.length > 0 ? [setters(inPod, names)] : []), ...(bad.length === 0 ? [] : [bad.length === 1 ? "annotation" : "annotations"])];
  const values = [...(inPod || names.length > 0 ? ["Unconfined"] : []), ...bad];
  return { reason: `forbidden AppArmor profile${values.length === 1 ? "" : "s"}`, detail: `${who.join(" and ")} must not set AppArmor profile type to "${values.join('", "')}"` };
}

const seLinux = (types: readonly string[]) => (pod: PodSpec) => seLinuxOptions(pod, new Set(types));

function seLinuxOptions(pod: PodSpec, known: ReadonlySet<string>): Finding | undefined {
  const options = [pod.securityContext?.seLinuxOptions, ...containersOf(pod).map(({ securityContext }) => securityContext?.seLinuxOptions)];
  const bad = (of: (typeof options)[number]) => of !== undefined && (!known.has(of.type ?? "") || (of.user ?? "") !== "" || (of.role ?? "") !== "");
  if (!options.some(bad)) return undefined;
  const types = unique(options.flatMap((of) => (of === undefined || known.has(of.type ?? "") ? [] : [of.type ?? ""])));
  const details = [
    ...(types.length === 0 ? [] : [`type${types.length === 1 ? "" : "s"} ${quoted(types)}`]),
    ...(options.some((of) => (of?.user ?? "") !== "") ? ["user may not be set"] : []),
    ...(options.some((of) => (of?.role ?? "") !== "") ? ["role may not be set"] : []),
  ];
  const who = setters(bad(pod.securityContext?.seLinuxOptions), atFault(pod, (security) => bad(security?.seLinuxOptions)));
  return { reason: "seLinuxOptions", detail: `${who} set forbidden securityContext.seLinuxOptions: ${details.join("; ")}` };
}

function seccompBaseline(pod: PodSpec): Finding | undefined {
  const inPod = pod.securityContext?.seccompProfile?.type === "Unconfined";
  const names = atFault(pod, (security) => security?.seccompProfile?.type === "Unconfined");
  if (!inPod && names.length === 0) return undefined;
  return { reason: "seccompProfile", detail: `${setters(inPod, names)} must not set securityContext.seccompProfile.type to "Unconfined"` };
}

function seccompRestricted(pod: PodSpec): Finding | undefined {
  const baseline = seccompBaseline(pod);
  if (baseline !== undefined) return baseline;
  if (pod.securityContext?.seccompProfile?.type !== undefined) return undefined;
  const names = atFault(pod, (security) => security?.seccompProfile?.type === undefined);
  if (names.length === 0) return undefined;
  return { reason: "seccompProfile", detail: `pod or ${plural("container", names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"` };
}

function runAsNonRoot(pod: PodSpec): Finding | undefined {
  const reason = "runAsNonRoot != true";
  const inPod = pod.securityContext?.runAsNonRoot;
  const roots = atFault(pod, (security) => security?.runAsNonRoot === false);
  const silent = atFault(pod, (security) => security?.runAsNonRoot === undefined);
  if (roots.length > 0 || inPod === false) return { reason, detail: `${setters(inPod === false, roots)} must not set securityContext.runAsNonRoot=false` };
  if (inPod === true || silent.length === 0) return undefined;
  return { reason, detail: `pod or ${plural("container", silent)} must set securityContext.runAsNonRoot=true` };
}

function runAsUser(pod: PodSpec): Finding | undefined {
  const names = atFault(pod, (security) => security?.runAsUser === 0);
  const inPod = pod.securityContext?.runAsUser === 0;
  return !inPod && names.length === 0 ? undefined : { reason: "runAsUser=0", detail: `${setters(inPod, names)} must not set runAsUser=0` };
}

const typeOf = (volume: Volume) => Object.keys(volume).find((key) => key !== "name") ?? "emptyDir";

function restrictedVolumes({ volumes = [] }: PodSpec): Finding | undefined {
  const bad = volumes.filter((volume) => !VOLUME_TYPES.has(typeOf(volume)));
  if (bad.length === 0) return undefined;
  const types = unique(bad.map(typeOf));
  const uses = bad.length === 1 ? "uses" : "use";
  return { reason: "restricted volume types", detail: `${plural("volume", bad.map(({ name }) => name))} ${uses} ${plural("restricted volume type", types)}` };
}

const sysctls = (version: number) => {
  const safe = new Set(SAFE_SYSCTLS.flatMap(([since, names]) => (since <= version ? names : [])));
  return ({ securityContext }: PodSpec): Finding | undefined => {
    const names = (securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !safe.has(name));
    return names.length === 0 ? undefined : { reason: "forbidden sysctls", detail: names.join(", ") };
  };
};

function hostProcess(pod: PodSpec): Finding | undefined {
  const names = atFault(pod, (security) => security?.windowsOptions?.hostProcess === true);
  const inPod = pod.securityContext?.windowsOptions?.hostProcess === true;
  if (!inPod && names.length === 0) return undefined;
  return { reason: "hostProcess", detail: `${setters(inPod, names)} must not set securityContext.windowsOptions.hostProcess=true` };
}

const privileged = each("privileged", "must not set securityContext.privileged=true", (security) => security?.privileged === true);
const escalation = each("allowPrivilegeEscalation != false", "must set securityContext.allowPrivilegeEscalation=false", (security) => security?.allowPrivilegeEscalation !== false);
const procMount = each("procMount", 'must not set securityContext.procMount to "Unmasked"', (security) => (security?.procMount ?? "Default") !== "Default");

type Find = Check["find"];

const unlessWindows = (find: Find): Find => (pod, annotations) => (isWindows(pod) ? undefined : find(pod, annotations));
/** A pod with users of its own is root of nothing outside. */
const unlessOwnUsers = (find: Find): Find => (pod, annotations) => (ownUsers(pod) ? undefined : find(pod, annotations));

const restrictedCapabilities = capabilities("unrestricted capabilities", new Set(["NET_BIND_SERVICE"]), true);

const checks: readonly Check[] = [
  { id: "appArmorProfile", level: "baseline", find: appArmor },
  { id: "capabilities", level: "baseline", find: capabilities("non-default capabilities", DEFAULT_CAPABILITIES, false) },
  { id: "hostNamespaces", level: "baseline", find: hostNamespaces },
  { id: "hostPathVolumes", level: "baseline", find: hostPathVolumes },
  { id: "hostPorts", level: "baseline", find: hostPorts },
  { id: "hostProbes", level: "baseline", since: 34, find: hostProbes },
  { id: "privileged", level: "baseline", find: privileged },
  { id: "procMount", level: "baseline", find: procMount },
  { id: "procMount", level: "baseline", since: 35, find: unlessOwnUsers(procMount) },
  { id: "seLinuxOptions", level: "baseline", find: seLinux(SELINUX_TYPES) },
  { id: "seLinuxOptions", level: "baseline", since: 31, find: seLinux([...SELINUX_TYPES, "container_engine_t"]) },
  { id: "seccompProfile", level: "baseline", since: 19, find: seccompBaseline },
  ...SAFE_SYSCTLS.map(([since]): Check => ({ id: "sysctls", level: "baseline", since, find: sysctls(since) })),
  { id: "windowsHostProcess", level: "baseline", find: hostProcess },
  { id: "allowPrivilegeEscalation", level: "restricted", since: 8, find: escalation },
  { id: "allowPrivilegeEscalation", level: "restricted", since: 25, find: unlessWindows(escalation) },
  { id: "restrictedCapabilities", level: "restricted", since: 22, insteadOf: "capabilities", find: restrictedCapabilities },
  { id: "restrictedCapabilities", level: "restricted", since: 25, insteadOf: "capabilities", find: unlessWindows(restrictedCapabilities) },
  { id: "restrictedProcMount", level: "restricted", since: 35, insteadOf: "procMount", find: procMount },
  { id: "restrictedVolumes", level: "restricted", insteadOf: "hostPathVolumes", find: restrictedVolumes },
  { id: "runAsNonRoot", level: "restricted", find: runAsNonRoot },
  { id: "runAsNonRoot", level: "restricted", since: 35, find: unlessOwnUsers(runAsNonRoot) },
  { id: "runAsUser", level: "restricted", since: 23, find: runAsUser },
  { id: "runAsUser", level: "restricted", since: 35, find: unlessOwnUsers(runAsUser) },
  { id: "restrictedSeccomp", level: "restricted", since: 19, insteadOf: "seccompProfile", find: seccompRestricted },
  { id: "restrictedSeccomp", level: "restricted", since: 25, insteadOf: "seccompProfile", find: unlessWindows(seccompRestricted) },
];
