/** `lichen kubeconfig`, and how the other commands find their credentials: $KUBECONFIG, --kubeconfig or the data directory. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";

export interface Access {
  readonly server: string;
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly token: string | undefined;
}

export function kubeconfigPath(dataDir: string): string {
  return join(resolve(dataDir), "kubeconfig");
}

export function printKubeconfig(flags: { readonly dataDir: string }): void {
  process.stdout.write(readText(kubeconfigPath(flags.dataDir)));
}

/** The current context of a kubeconfig. @throws Error that says which file lacks what */
export function readAccess(flags: { readonly dataDir: string; readonly kubeconfig?: string }): Access {
  const own = kubeconfigPath(flags.dataDir);
  const path = flags.kubeconfig ?? own;
  const config = parse(readText(path)) as KubeconfigFile;
  const context = config.contexts?.find((one) => one.name === config["current-context"])?.context;
  const cluster = config.clusters?.find((one) => one.name === context?.cluster)?.cluster;
  const user = config.users?.find((one) => one.name === context?.user)?.user;
  if (cluster?.server === undefined) throw new Error(`${path}: the current context names no cluster with a server`);
  return {
    server: cluster.server,
    ca: material(cluster, "certificate-authority"),
    certificate: material(user, "client-certificate"),
    key: material(user, "client-key"),
    token: user?.["token"],
  };
}

interface KubeconfigFile {
  readonly "current-context"?: string;
  readonly contexts?: readonly { readonly name: string; readonly context: { readonly cluster: string; readonly user: string } }[];
  readonly clusters?: readonly { readonly name: string; readonly cluster: Section }[];
  readonly users?: readonly { readonly name: string; readonly user: Section }[];
}

type Section = Readonly<Record<string, string>>;

/** PEM that is given inline (base64) or as a file. */
function material(section: Section | undefined, field: string): string | undefined {
  const inline = section?.[`${field}-data`];
  if (inline !== undefined) return Buffer.from(inline, "base64").toString("utf8");
  const file = section?.[field];
  return file === undefined ? undefined : readFileSync(file, "utf8");
}

function readText(path: string): string {
  if (!existsSync(path)) throw new Error(`${path} does not exist: start the server first (lichen up, lichen server), or name its --data-dir`);
  return readFileSync(path, "utf8");
}
