/**
 * Credentials for a pull: those of the pod's pull secrets (the service account's are among them: admission puts them
 * there) that fit the image, most specific first, and those that the device itself has for the registry. A key may name a
 * registry, a path in it, or a pattern for the parts of the host name (Kubernetes documentation, "Images", config.json).
 */
import type { Pod, Secret } from "../../core/api/types.gen.ts";
import type { ObjectSource } from "../environment.ts";
import type { PullSecret } from "../runtimes/runtime.ts";

interface Auth {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

/** Secret type → the key that holds the credentials and where they are in it. */
const FORMS = [
  { key: ".dockerconfigjson", auths: (value: unknown) => (value as { readonly auths?: Readonly<Record<string, Auth>> }).auths ?? {} },
  { key: ".dockercfg", auths: (value: unknown) => value as Readonly<Record<string, Auth>> },
] as const;

/** `missing`: names of secrets that the pod refers to and that are not there */
export function pullSecrets(pod: Pod, reference: string, objects: ObjectSource): { readonly secrets: readonly PullSecret[]; readonly missing: readonly string[] } {
  const found: { readonly key: string; readonly secret: PullSecret }[] = [];
  const missing: string[] = [];
  for (const { name = "" } of pod.spec?.imagePullSecrets ?? []) {
    const secret = objects.get("v1/secrets", pod.metadata.namespace ?? "", name) as Secret | undefined;
    if (secret === undefined) missing.push(name);
    for (const [key, auth] of Object.entries(authsOf(secret))) if (fits(key, reference)) found.push({ key, secret: credentials(auth) });
  }
  // the longest key says most about the image
  return { secrets: found.toSorted((a, b) => b.key.length - a.key.length).map(({ secret }) => secret), missing };
}

function authsOf(secret: Secret | undefined): Readonly<Record<string, Auth>> {
  for (const { key, auths } of FORMS) {
    const encoded = secret?.data?.[key];
    if (encoded === undefined) continue;
    try {
      return auths(JSON.parse(Buffer.from(encoded, "base64").toString("utf8")));
    } catch {
      return {};
    }
  }
  return {};
}

function credentials({ auth, username = "", password = "", identitytoken }: Auth): PullSecret {
  const [user = "", ...rest] = auth === undefined ? [username, password] : Buffer.from(auth, "base64").toString("utf8").split(":");
  return { username: user, password: rest.join(":"), ...(identitytoken === undefined ? {} : { identityToken: identitytoken }) };
}

/** "docker.io", "https://index.docker.io/v1/", "registry.example.com/team", "*.example.com:5000" */
export function fits(key: string, reference: string): boolean {
  const [host = "", ...path] = key.replace(/^https?:\/\//, "").replace(/\/v[12]\/?$/, "").split("/");
  const { registry, repository } = parse(reference);
  const prefix = path.filter((part) => part !== "").join("/");
  return sameHost(host, registry) && (prefix === "" || repository === prefix || repository.startsWith(`${prefix}/`));
}

function sameHost(pattern: string, host: string): boolean {
  const [name = "", port = ""] = (pattern === "index.docker.io" ? "docker.io" : pattern).split(":");
  const [ownName = "", ownPort = ""] = host.split(":");
  const parts = name.split(".");
  const own = ownName.split(".");
  // "*" stands for one part of the name, or for some letters of it
  return port === ownPort && parts.length === own.length && parts.every((part, index) => glob(part, own[index] ?? ""));
}

function glob(pattern: string, text: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
  return new RegExp(`^${escaped}$`).test(text);
}

function parse(reference: string): { readonly registry: string; readonly repository: string } {
  const bare = reference.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  const [first = "", ...rest] = bare.split("/");
  const named = rest.length > 0 && (first.includes(".") || first.includes(":") || first === "localhost");
  return named ? { registry: first, repository: rest.join("/") } : { registry: "docker.io", repository: rest.length === 0 ? `library/${bare}` : bare };
}

/** The registry part of a reference, "docker.io" when it names none. */
export function registryOf(reference: string): string {
  return parse(reference).registry;
}
