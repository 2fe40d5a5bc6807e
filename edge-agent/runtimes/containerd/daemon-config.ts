/**
 * The configuration of a private containerd as text: the daemon's own file, the pod network and the registry mirrors.
 * Pure, so that a change shows as a different digest and restarts the daemon (pods keep running: shims are their parents).
 *
 * restrict_oom_score_adj: without CAP_SYS_RESOURCE the sandbox's -998 cannot be set and every pod fails to start.
 * netns_mounts_under_state_dir: two daemons on one machine must not meet in /var/run/netns.
 */
import type { DaemonPaths } from "./paths.ts";

export interface DaemonConfig {
  readonly paths: DaemonPaths;
  readonly sandboxImage: string;
  readonly cniBinDir: string;
  readonly snapshotter: "overlayfs" | "native";
}

/** Plugins that a device does not use: each costs start-up time, memory or a warning in the log. */
const DISABLED = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",
  "io.containerd.nri.v1.nri",
];

export function daemonToml({ paths, sandboxImage, cniBinDir, snapshotter }: DaemonConfig): string {
  const cri = `plugins.${quote("io.containerd.grpc.v1.cri")}`;
  return `# written by the agent at every start
version = 2
root = ${quote(paths.root)}
state = ${quote(paths.state)}
disabled_plugins = [${DISABLED.map(quote).join(", ")}]

[grpc]
  address = ${quote(paths.socket)}
[ttrpc]
  address = ${quote(`${paths.socket}.ttrpc`)}

[plugins.${quote("io.containerd.internal.v1.opt")}]
  path = ${quote(`${paths.base}/opt`)}

[${cri}]
  sandbox_image = ${quote(sandboxImage)}
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
[${cri}.containerd]
  snapshotter = ${quote(snapshotter)}
  default_runtime_name = "runc"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
[${cri}.cni]
  bin_dir = ${quote(cniBinDir)}
  conf_dir = ${quote(paths.cniConfig)}
[${cri}.registry]
  config_path = ${quote(paths.certificates)}
`;
}

/**
 * ptp, not bridge: routed pod links need neither bridge-nf-call-iptables nor hairpin for a pod that reaches itself
 * through a service address.
 *
 * lastAddress: those above it are handed out by somebody else (network/pod-range.ts).
 */
export function cniConflist(options: { readonly podCidr: string; readonly lastAddress: string; readonly ipamDir: string; readonly mtu?: number | undefined }): string {
  const range = [{ subnet: options.podCidr, rangeEnd: options.lastAddress }];
  return JSON.stringify({
    cniVersion: "0.4.0",
    name: "lichen",
    plugins: [
      {
        type: "ptp",
        // masquerade.ts does it once for all
        ipMasq: false,
        ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
        ipam: { type: "host-local", dataDir: options.ipamDir, ranges: [range], routes: [{ dst: "0.0.0.0/0" }] },
      },
      { type: "portmap", capabilities: { portMappings: true }, snat: true },
    ],
  });
}

/** One place that a registry's images come from. */
export interface RegistryHost {
  /** "https://server:6443" */
  readonly url: string;
  /** files, PEM */
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly skipVerify?: boolean | undefined;
}

export interface RegistrySource {
  /** host part of image references: "registry.lichen.internal"; "_default": all others */
  readonly host: string;
  /** tried in order, before the server */
  readonly hosts: readonly RegistryHost[];
  /** stands for the registry itself; undefined: the registry is asked */
  readonly server?: RegistryHost | undefined;
}

/** containerd's hosts.toml (docs/hosts.md): a client certificate makes the device itself the user that pulls. */
export function hostsToml({ host, hosts, server }: RegistrySource): string {
  const upstream = server?.url ?? (host === "docker.io" ? "https://registry-1.docker.io" : host === "_default" ? undefined : `https://${host}`);
  return [
    ...(upstream === undefined ? [] : [`server = ${quote(upstream)}`]),
    // what stands before the first table is for the server as the last resort; containerd 1.6 asks it only as a host, too
    ...(server === undefined ? [] : accessLines(server)),
    ...[...hosts, ...(server === undefined ? [] : [server])].flatMap((each) => [`[host.${quote(each.url)}]`, ...accessLines(each).map((line) => `  ${line}`)]),
    "",
  ].join("\n");
}

function accessLines({ ca, certificate, key, skipVerify }: RegistryHost): string[] {
  return [
    `capabilities = ["pull", "resolve"]`,
    ...(ca === undefined ? [] : [`ca = ${quote(ca)}`]),
    ...(certificate === undefined || key === undefined ? [] : [`client = [[${quote(certificate)}, ${quote(key)}]]`]),
    ...(skipVerify === true ? ["skip_verify = true"] : []),
  ];
}

/** TOML basic strings have JSON's escapes. */
function quote(text: string): string {
  return JSON.stringify(text);
}
