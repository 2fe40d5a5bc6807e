/**
 * Where images come from, as `<data directory>/registries.json` says: mirrors for a registry, tried in order before the
 * registry itself, and for each host its certificates and credentials. The shape is that of K3s' registries.yaml, which
 * edge users know. Plain http is what an endpoint with "http://" says.
 */
import { readFile } from "node:fs/promises";
import type { PullSecret } from "../runtimes/runtime.ts";

/** As the runtime takes it (containerd's hosts.toml). */
interface RegistryHost {
  readonly url: string;
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly skipVerify?: boolean | undefined;
}

export interface Registry {
  /** host part of image references: "docker.io"; "_default" for all that are not named */
  readonly host: string;
  /** tried in order, then the registry itself */
  readonly hosts: readonly RegistryHost[];
}

export interface Registries {
  readonly registries: readonly Registry[];
  /** the device's own credentials */
  credentials(registry: string): readonly PullSecret[];
}

const EXAMPLE = '{"mirrors": {"docker.io": {"endpoint": ["http://mirror.local:5000"]}}, "configs": {"mirror.local:5000": {"auth": {"username": "u", "password": "p"}, "tls": {"ca_file": "/etc/ca.pem"}}}}';

interface HostConfig {
  readonly auth?: { readonly username?: string; readonly password?: string; readonly identity_token?: string };
  readonly tls?: { readonly ca_file?: string; readonly cert_file?: string; readonly key_file?: string; readonly insecure_skip_verify?: boolean };
}

/** @throws Error that names the file and the field; no file: no mirrors */
export async function readRegistries(file: string): Promise<Registries> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "{}";
    throw error;
  });
  try {
    return parseRegistries(JSON.parse(text));
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}; expected for example ${EXAMPLE}`, { cause: error });
  }
}

/** @throws Error that names the field */
export function parseRegistries(value: unknown): Registries {
  const { mirrors = {}, configs = {}, ...rest } = object(value, "the file");
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new Error(`${unknown}: there are only "mirrors" and "configs"`);
  const known = new Map(Object.entries(object(configs, "configs")).map(([host, config]) => [host, hostConfig(config, `configs.${host}`)]));
  const ofMirrors = Object.entries(object(mirrors, "mirrors")).map(([host, mirror]): Registry => {
    const at = `mirrors.${host}`;
    const { endpoint } = object(mirror, at);
    if (!Array.isArray(endpoint) || endpoint.length === 0) throw new Error(`${at}.endpoint: expected a list of URLs`);
    return { host: host === "*" ? "_default" : host, hosts: endpoint.map((url, index) => registryHost(url, known, `${at}.endpoint[${index}]`)) };
  });
  const mirrored = new Set(ofMirrors.map(({ host }) => host));
  // certificates of a registry that has no mirror belong to the registry itself
  const plain = [...known].flatMap(([host, { tls }]): Registry[] => (tls === undefined || mirrored.has(host) ? [] : [{ host, hosts: [registryHost(`https://${host}`, known, `configs.${host}`)] }]));
  return {
    registries: [...ofMirrors, ...plain],
    credentials(registry) {
      const endpoints = ofMirrors.find(({ host }) => host === registry)?.hosts.map(({ url }) => new URL(url).host) ?? [];
      return [...endpoints, registry].flatMap((host) => {
        const auth = known.get(host)?.auth;
        if (auth === undefined) return [];
        return [{ username: auth.username ?? "", password: auth.password ?? "", ...(auth.identity_token === undefined ? {} : { identityToken: auth.identity_token }) }];
      });
    },
  };
}

function registryHost(url: unknown, known: ReadonlyMap<string, HostConfig>, at: string): RegistryHost {
  if (typeof url !== "string" || !/^https?:\/\/[^/]+/.test(url)) throw new Error(`${at}: expected http://HOST or https://HOST`);
  const tls = known.get(new URL(url).host)?.tls;
  return { url: url.replace(/\/$/, ""), ca: tls?.ca_file, certificate: tls?.cert_file, key: tls?.key_file, skipVerify: tls?.insecure_skip_verify };
}

function hostConfig(value: unknown, at: string): HostConfig {
  const { auth, tls, ...rest } = object(value, at);
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new Error(`${at}.${unknown}: there are only "auth" and "tls"`);
  return { ...(auth === undefined ? {} : { auth: object(auth, `${at}.auth`) }), ...(tls === undefined ? {} : { tls: object(tls, `${at}.tls`) }) };
}

function object(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${at}: expected an object`);
  return value as Readonly<Record<string, unknown>>;
}
