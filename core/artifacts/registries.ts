/**
 * What the operator says about other registries, in DATA_DIR/registries.json:
 *   { "mirrors": { "docker.io": ["https://mirror.example"] },
 *     "plainHttp": ["192.168.1.10:5000"],
 *     "credentials": { "ghcr.io": { "username": "…", "password": "…" } } }
 * Read once at start; a mistake stops the server with the reason, because a registry that is half configured looks like an
 * outage later.
 */
import { readFileSync } from "node:fs";
import { BlockList, isIP, isIPv4 } from "node:net";
import { isObject } from "../api/json.ts";
import type { OciClientOptions, RegistrySecret } from "./oci-client.ts";

export type RegistriesConfig = Pick<OciClientOptions, "mirrors" | "plainHttp" | "credentials">;

export const REGISTRIES_FILE = "registries.json";

/** @param path absent file: no configuration. @throws Error that names the file and the field */
export function readRegistries(path: string): RegistriesConfig {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
  try {
    return parseRegistries(text);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

export function parseRegistries(text: string): RegistriesConfig {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new Error("expected an object with mirrors, plainHttp and credentials");
  for (const key of Object.keys(value)) if (!["mirrors", "plainHttp", "credentials"].includes(key)) throw new Error(`"${key}" is not known; mirrors, plainHttp and credentials are`);
  const { mirrors = {}, plainHttp = [], credentials = {} } = value;
  if (!isTexts(plainHttp)) throw new Error("plainHttp must be a list of HOST:PORT");
  for (const host of plainHttp) checkPlain(host);
  if (!isObject(mirrors)) throw new Error("mirrors must map a registry to a list of URLs");
  const plain = new Set(plainHttp);
  for (const [registry, bases] of Object.entries(mirrors)) {
    if (!isTexts(bases)) throw new Error(`mirrors of ${registry} must be a list of URLs`);
    for (const base of bases) checkMirror(base, plain);
  }
  if (!isObject(credentials)) throw new Error("credentials must map a registry to username and password, or identityToken");
  for (const [registry, secret] of Object.entries(credentials)) {
    if (!isObject(secret) || !Object.entries(secret).every(([key, one]) => ["username", "password", "identityToken"].includes(key) && typeof one === "string")) {
      throw new Error(`credentials of ${registry} must have username and password, or identityToken`);
    }
  }
  return { mirrors: mirrors as Record<string, string[]>, plainHttp, credentials: credentials as Record<string, RegistrySecret> };
}

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((one) => typeof one === "string");

/** RFC 1918, RFC 4193, loopback, link-local */
const local = new BlockList();
for (const [address, bits] of [["10.0.0.0", 8], ["172.16.0.0", 12], ["192.168.0.0", 16], ["127.0.0.0", 8], ["169.254.0.0", 16]] as const) local.addSubnet(address, bits, "ipv4");
for (const [address, bits] of [["fc00::", 7], ["fe80::", 10], ["::1", 128]] as const) local.addSubnet(address, bits, "ipv6");

/** Without TLS anybody on the way may read the password and change the code, so it must not leave the site. */
function checkPlain(host: string): void {
  const name = /^(?:\[([^\]]+)\]|([^:[\]/]+))(?::\d{1,5})?$/.exec(host);
  if (name === null) throw new Error(`plainHttp: "${host}" is not HOST:PORT`);
  const address = name[1] ?? name[2] ?? "";
  if (isIP(address) !== 0 && !local.check(address, isIPv4(address) ? "ipv4" : "ipv6")) throw new Error(`plainHttp: ${host} is a public address; use TLS, or an address of the local network`);
}

function checkMirror(base: string, plain: ReadonlySet<string>): void {
  const url = URL.canParse(base) ? new URL(base) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) throw new Error(`mirrors: "${base}" is not a URL such as https://mirror.example`);
  if (url.protocol === "http:" && !plain.has(url.host)) throw new Error(`mirrors: ${base} is not encrypted; list ${url.host} in plainHttp if that is right`);
}
