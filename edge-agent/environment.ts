/** The environment of a container: services, envFrom, env, in the order in which later ones win (Kubernetes documentation, EnvVar). */
import type { ConfigMap, Container, EnvVarSource, FileKeySelector, Pod, Secret, Service } from "../core/api/types.gen.ts";
import type { AnyObject } from "../core/api/meta.ts";
import { parseEnvFile } from "./env-file.ts";
import { fieldValue, resourceValue, type DownwardFacts } from "./downward.ts";

export interface ObjectSource {
  get(resource: string, namespace: string, name: string): AnyObject | undefined;
  list(resource: string): readonly AnyObject[];
}

/** Shown as CreateContainerConfigError. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export type Variables = ReadonlyMap<string, string>;

/** Content of a file in one of the pod's volumes; undefined: it is not there. */
export type VolumeFileSource = (volume: string, path: string) => string | undefined;

/** @throws ConfigError when something it refers to is missing */
export function environment(facts: DownwardFacts, container: Container, objects: ObjectSource, file: VolumeFileSource = () => undefined): Variables {
  const { pod } = facts;
  const out = new Map<string, string>(serviceVariables(pod, objects));
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    const [kind, reference] = configMapRef === undefined ? (["secret", secretRef] as const) : (["configmap", configMapRef] as const);
    if (reference === undefined) continue;
    const data = kind === "configmap" ? configMapTexts(pod, objects, reference) : secretData(pod, objects, reference);
    for (const [key, value] of Object.entries(data ?? {})) if (isVariableName(prefix + key)) out.set(prefix + key, text(value));
  }
  // references see what was set before, among these and the envFrom ones
  for (const { name, value, valueFrom } of container.env ?? []) {
    const resolved = valueFrom === undefined ? expand(value ?? "", out) : resolve(valueFrom, { facts, container, objects, file });
    if (resolved !== undefined) out.set(name, resolved);
  }
  return out;
}

interface Sources {
  readonly facts: DownwardFacts;
  readonly container: Container;
  readonly objects: ObjectSource;
  readonly file: VolumeFileSource;
}

function resolve(from: EnvVarSource, { facts, container, objects, file }: Sources): string | undefined {
  const { pod } = facts;
  if (from.fieldRef !== undefined) return fieldValue(facts, from.fieldRef);
  if (from.resourceFieldRef !== undefined) return resourceValue(facts, from.resourceFieldRef, container);
  if (from.fileKeyRef !== undefined) return fromFile(from.fileKeyRef, file);
  const [kind, reference] = from.configMapKeyRef === undefined ? (["Secret", from.secretKeyRef] as const) : (["ConfigMap", from.configMapKeyRef] as const);
  if (reference === undefined) return undefined;
  const data = kind === "ConfigMap" ? configMapTexts(pod, objects, reference) : secretData(pod, objects, reference);
  const value = data?.[reference.key];
  if (value !== undefined) return text(value);
  if (reference.optional === true) return undefined;
  throw new ConfigError(`couldn't find key ${reference.key} in ${kind} ${pod.metadata.namespace}/${reference.name}`);
}

/** A variable that an init container left in a file of a volume (KEP-3721). */
function fromFile({ volumeName, path, key, optional }: FileKeySelector, file: VolumeFileSource): string | undefined {
  const found = file(volumeName, path);
  const value = found === undefined ? undefined : parseEnvFile(found).get(key);
  if (value !== undefined || optional === true) return value;
  throw new ConfigError(found === undefined ? `couldn't parse env file: file "${path}" of volume "${volumeName}" not found` : `environment variable key ${key} not found in file "${path}" of volume "${volumeName}"`);
}

export interface DataReference {
  readonly name?: string;
  readonly optional?: boolean;
}

export type Data = { readonly [key: string]: Buffer };

/** @throws ConfigError when it is missing and not optional */
export function configMapData(pod: Pod, objects: ObjectSource, reference: DataReference): Data | undefined {
  const found = configMap(pod, objects, reference);
  if (found === undefined) return undefined;
  return { ...textsOf(found), ...Object.fromEntries(Object.entries(found.binaryData ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64")])) };
}

/** Variables hold text: what a ConfigMap has of binary data is for volumes only. */
function configMapTexts(pod: Pod, objects: ObjectSource, reference: DataReference): Data | undefined {
  const found = configMap(pod, objects, reference);
  return found === undefined ? undefined : textsOf(found);
}

function configMap(pod: Pod, objects: ObjectSource, { name = "", optional }: DataReference): ConfigMap | undefined {
  return (objects.get("v1/configmaps", pod.metadata.namespace ?? "", name) as ConfigMap | undefined) ?? missing("configmap", name, optional);
}

function textsOf({ data = {} }: ConfigMap): Data {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value)]));
}

/** @throws ConfigError when it is missing and not optional */
export function secretData(pod: Pod, objects: ObjectSource, { name = "", optional }: DataReference): Data | undefined {
  const found = objects.get("v1/secrets", pod.metadata.namespace ?? "", name) as Secret | undefined;
  if (found === undefined) return missing("secret", name, optional);
  return Object.fromEntries(Object.entries(found.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64")]));
}

function missing(kind: string, name: string, optional: boolean | undefined): undefined {
  if (optional === true) return undefined;
  throw new ConfigError(`${kind} "${name}" not found`);
}

/** `$(NAME)` is replaced when NAME is known; `$$` is a dollar sign. */
export function expand(template: string, variables: Variables): string {
  return template.replace(/\$\$|\$\(([^()]*)\)/g, (all, name: string | undefined) => (name === undefined ? "$" : (variables.get(name) ?? all)));
}

/** Names of services in the pod's namespace and of the API server, as docker links wrote them. */
function serviceVariables(pod: Pod, objects: ObjectSource): [string, string][] {
  const links = pod.spec?.enableServiceLinks !== false;
  const chosen = new Map<string, Service>();
  for (const service of objects.list("v1/services") as readonly Service[]) {
    const ip = service.spec?.clusterIP;
    if (ip === undefined || ip === "" || ip === "None") continue;
    const { name = "", namespace } = service.metadata;
    if (links && namespace === pod.metadata.namespace) chosen.set(name, service);
    else if (namespace === "default" && name === "kubernetes" && !chosen.has(name)) chosen.set(name, service);
  }
  return [...chosen.values()].flatMap(({ metadata, spec }) => {
    const prefix = (metadata.name ?? "").toUpperCase().replaceAll("-", "_");
    const ip = spec?.clusterIP ?? "";
    const ports = spec?.ports ?? [];
    const first = ports[0];
    if (first === undefined) return [];
    const host = ip.includes(":") ? `[${ip}]` : ip;
    const url = (port: number, protocol: string | undefined) => `${(protocol ?? "TCP").toLowerCase()}://${host}:${port}`;
    const out: [string, string][] = [
      [`${prefix}_SERVICE_HOST`, ip],
      [`${prefix}_SERVICE_PORT`, String(first.port)],
    ];
    for (const { name, port } of ports) if (name !== undefined && name !== "") out.push([`${prefix}_SERVICE_PORT_${name.toUpperCase().replaceAll("-", "_")}`, String(port)]);
    out.push([`${prefix}_PORT`, url(first.port, first.protocol)]);
    for (const { port, protocol = "TCP" } of ports) {
      const base = `${prefix}_PORT_${port}_${protocol}`;
      out.push([base, url(port, protocol)], [`${base}_PROTO`, protocol.toLowerCase()], [`${base}_PORT`, String(port)], [`${base}_ADDR`, ip]);
    }
    return out;
  });
}

/** KEP-4369: printable ASCII without "=". */
function isVariableName(name: string): boolean {
  return /^[ -<>-~]+$/.test(name);
}

function text(value: Buffer): string {
  return value.toString("utf8");
}
