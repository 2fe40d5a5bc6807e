/**
 * Everything that can be set, as one readonly value per program. Flags win over environment variables (LICHEN_DATA_DIR
 * for --data-dir, …), the rest has a default; where a default depends on the machine, it is decided here.
 */
import type { AccessConfig, AccessFlags } from "./access-config.ts";
import { accessConfig } from "./access-config.ts";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

export interface ServerConfig {
  readonly dataDir: string;
  /** address to listen on; "::" serves IPv4 too */
  readonly host: string;
  /** API port, 0 for any free one */
  readonly port: number;
  readonly mqttPort: number;
  /** external broker (mqtts://…) instead of the embedded one */
  readonly broker: string | undefined;
  readonly datastore: Datastore;
  /** more names and addresses for the serving certificate */
  readonly tlsNames: readonly string[];
  /** address range from which each node gets its pod addresses */
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  /** tolerationSeconds that pods get for not-ready and unreachable nodes (kube-apiserver's flag and default) */
  readonly tolerationSeconds: number;
  readonly access: AccessConfig;
}

export type Datastore =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "memory" }
  | { readonly kind: "etcd"; readonly endpoints: readonly string[] };

export const DEFAULT_PORT = 6443;
export const DEFAULT_MQTT_PORT = 8883;
export const DEFAULT_CLUSTER_CIDR = "10.42.0.0/16";
export const DEFAULT_SERVICE_CIDR = "10.43.0.0/16";
/** kube-apiserver --default-unreachable-toleration-seconds */
export const DEFAULT_TOLERATION_SECONDS = 300;

/** /var/lib/lichen for root, else the user's data directory (XDG Base Directory Specification). */
export function defaultDataDir(env: NodeJS.ProcessEnv, uid: number | undefined): string {
  if (uid === 0) return "/var/lib/lichen";
  return join(env["XDG_DATA_HOME"] ?? join(homedir(), ".local", "share"), "lichen");
}

export interface ServerFlags extends AccessFlags {
  readonly dataDir: string;
  readonly host?: string;
  readonly port?: number;
  readonly mqttPort?: number;
  readonly broker?: string;
  readonly datastoreEndpoint?: string;
  readonly tlsSan?: readonly string[];
  readonly clusterCidr?: string;
  readonly serviceCidr?: string;
  readonly defaultUnreachableTolerationSeconds?: number;
}

/** @throws Error that names the flag and what it accepts */
export function serverConfig(flags: ServerFlags): ServerConfig {
  const dataDir = resolve(flags.dataDir);
  return {
    dataDir,
    host: flags.host ?? "::",
    port: flags.port ?? DEFAULT_PORT,
    mqttPort: flags.mqttPort ?? DEFAULT_MQTT_PORT,
    broker: flags.broker,
    datastore: parseDatastore(flags.datastoreEndpoint, dataDir),
    tlsNames: flags.tlsSan ?? [],
    clusterCidr: flags.clusterCidr ?? DEFAULT_CLUSTER_CIDR,
    serviceCidr: flags.serviceCidr ?? DEFAULT_SERVICE_CIDR,
    tolerationSeconds: flags.defaultUnreachableTolerationSeconds ?? DEFAULT_TOLERATION_SECONDS,
    access: accessConfig(flags),
  };
}

export function parseDatastore(endpoint: string | undefined, dataDir: string): Datastore {
  if (endpoint === undefined) return { kind: "sqlite", path: join(dataDir, "store.db") };
  if (endpoint === "memory:") return { kind: "memory" };
  if (endpoint.startsWith("sqlite:")) return { kind: "sqlite", path: resolve(endpoint.slice("sqlite:".length)) };
  const endpoints = endpoint.split(",");
  if (endpoints.every((one) => /^https?:\/\/[^/]+$/.test(one))) return { kind: "etcd", endpoints };
  throw new Error(`--datastore-endpoint ${endpoint}: expected sqlite:PATH, memory: or a comma-separated list of etcd URLs (https://host:2379)`);
}
