/** Environment of a container: literal values and values from elsewhere. */
import { checkPrefix, configMapKey, dns1123Label, dns1123Subdomain, qualifiedName } from "../../names.ts";
import type { ConfigMapKeySelector, EnvFromSource, EnvVar, FileKeySelector, ObjectFieldSelector, PodSpec, ResourceFieldSelector } from "../../types.gen.ts";
import { type Errors, check, checkRequired, invalid, isEmpty, notFound, notSupported, required } from "./errors.ts";
import { envName, noDotDot } from "./text-rules.ts";

const ENV_FIELDS = [
  "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
  "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
];
export const VOLUME_FIELDS: readonly string[] = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
const KNOWN_FIELDS = new Set([...ENV_FIELDS, ...VOLUME_FIELDS, "spec.host", "spec.restartPolicy", "spec.schedulerName", "status.phase"]);
const RESOURCE_FIELDS = ["limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"];
const HUGE = ["limits.hugepages-", "requests.hugepages-"];

const BYTE_DIVISORS = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
/** Resource suffix → what a divisor may be, and its name in the message. */
const DIVISORS: readonly (readonly [resource: RegExp, divisors: readonly string[], shownAs: string, called: string])[] = [
  [/\.cpu$/, ["1m", "1"], "1m and 1", "cpu"],
  [/\.memory$/, BYTE_DIVISORS, BYTE_DIVISORS.join(", "), "memory"],
  [/\.ephemeral-storage$/, BYTE_DIVISORS, BYTE_DIVISORS.join(", "), "local ephemeral storage"],
  [/\.hugepages-/, BYTE_DIVISORS, BYTE_DIVISORS.join(", "), "hugepages"],
];

export function validateEnv(errors: Errors, path: string, env: readonly EnvVar[] | undefined): void {
  env?.forEach((one, index) => {
    const at = `${path}[${index}]`;
    if (isEmpty(one.name)) required(errors, `${at}.name`);
    else check(errors, `${at}.name`, one.name, envName);
    if (one.valueFrom !== undefined && one.valueFrom !== null) valueFrom(errors, `${at}.valueFrom`, one);
  });
}

function valueFrom(errors: Errors, path: string, { value, valueFrom: from }: EnvVar): void {
  if (from === undefined) return;
  let sources = 0;
  if (from.fieldRef !== undefined) {
    sources++;
    validateFieldRef(errors, `${path}.fieldRef`, from.fieldRef, ENV_FIELDS);
  }
  if (from.resourceFieldRef !== undefined) {
    sources++;
    validateResourceFieldRef(errors, `${path}.resourceFieldRef`, from.resourceFieldRef, false);
  }
  for (const source of ["configMapKeyRef", "secretKeyRef"] as const) {
    const ref = from[source];
    if (ref === undefined) continue;
    sources++;
    keySelector(errors, `${path}.${source}`, ref);
  }
  if (from.fileKeyRef !== undefined) {
    sources++;
    fileKey(errors, `${path}.fileKeyRef`, from.fileKeyRef);
  }
  if (sources === 0) invalid(errors, path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`");
  else if (!isEmpty(value)) invalid(errors, path, "", "may not be specified when `value` is not empty");
  else if (sources > 1) invalid(errors, path, "", "may not have more than one field specified at a time");
}

function keySelector(errors: Errors, path: string, { name, key }: ConfigMapKeySelector): void {
  check(errors, `${path}.name`, name ?? "", dns1123Subdomain);
  if (isEmpty(key)) required(errors, `${path}.key`);
  else check(errors, `${path}.key`, key, configMapKey);
}

function fileKey(errors: Errors, path: string, { volumeName, path: file, key }: FileKeySelector): void {
  if (isEmpty(key)) required(errors, `${path}.key`);
  else check(errors, `${path}.key`, key, envName);
  checkRequired(errors, `${path}.volumeName`, volumeName, dns1123Label);
  checkRequired(errors, `${path}.path`, file, noDotDot);
}

/** A file that gives a container its environment is in an emptyDir of the pod (KEP-3721). */
export function validateFileVolumes(errors: Errors, path: string, { volumes, ...lists }: PodSpec): void {
  for (const list of ["initContainers", "containers", "ephemeralContainers"] as const) {
    lists[list]?.forEach(({ env }, index) => {
      env?.forEach(({ valueFrom: from }, number) => {
        const name = from?.fileKeyRef?.volumeName;
        if (from?.fileKeyRef === undefined) return;
        const at = `${path}.${list}[${index}].env[${number}].valueFrom.fileKeyRef.volumeName`;
        const volume = volumes?.findLast((each) => each.name === (name ?? ""));
        if (volume === undefined) notFound(errors, at, name ?? "");
        else if (volume.emptyDir === undefined) invalid(errors, at, name, "referenced volume must be of type emptyDir");
      });
    });
  }
}

/** A field of the pod itself, `allowed` in the place where it is asked for. */
export function validateFieldRef(errors: Errors, path: string, { apiVersion, fieldPath }: ObjectFieldSelector, allowed: readonly string[]): void {
  if (isEmpty(apiVersion)) return required(errors, `${path}.apiVersion`);
  if (isEmpty(fieldPath)) return required(errors, `${path}.fieldPath`);
  const [, base = fieldPath, subscript] = /^([^[]+)\['(.*)'\]$/.exec(fieldPath) ?? [];
  if (!KNOWN_FIELDS.has(base)) return invalid(errors, `${path}.fieldPath`, fieldPath, `error converting fieldPath: field label not supported: ${fieldPath}`);
  if (apiVersion !== "v1") return invalid(errors, `${path}.fieldPath`, fieldPath, `error converting fieldPath: unsupported pod version: ${apiVersion}`);
  if (subscript === undefined) {
    const field = base === "spec.host" ? "spec.nodeName" : base;
    if (!allowed.includes(field)) notSupported(errors, `${path}.fieldPath`, field, allowed);
  } else if (base === "metadata.annotations") {
    check(errors, path, subscript, (text) => qualifiedName(text.toLowerCase()));
  } else if (base === "metadata.labels") {
    check(errors, path, subscript, qualifiedName);
  } else {
    invalid(errors, path, base, "does not support subscript");
  }
}

export function validateResourceFieldRef(errors: Errors, path: string, { containerName, resource, divisor }: ResourceFieldSelector, inVolume: boolean): void {
  if (inVolume && isEmpty(containerName)) required(errors, `${path}.containerName`);
  else if (isEmpty(resource)) required(errors, `${path}.resource`);
  else if (!RESOURCE_FIELDS.includes(resource) && !HUGE.some((prefix) => resource.startsWith(prefix))) notSupported(errors, `${path}.resource`, resource, RESOURCE_FIELDS);
  if (divisor === undefined || divisor === "0" || divisor === "") return;
  for (const [pattern, divisors, shownAs, called] of DIVISORS) {
    if (!pattern.test(resource ?? "") || divisors.includes(divisor)) continue;
    invalid(errors, `${path}.divisor`, resource, `only divisor's values ${shownAs} are supported with the ${called} resource`);
  }
}

export function validateEnvFrom(errors: Errors, path: string, sources: readonly EnvFromSource[] | undefined): void {
  sources?.forEach(({ prefix, configMapRef, secretRef }, index) => {
    const at = `${path}[${index}]`;
    if (!isEmpty(prefix)) check(errors, `${at}.prefix`, prefix ?? "", envName);
    for (const [name, ref] of [["configMapRef", configMapRef], ["secretRef", secretRef]] as const) {
      if (ref === undefined) continue;
      if (isEmpty(ref.name)) required(errors, `${at}.${name}.name`);
      else for (const wrong of checkPrefix(dns1123Subdomain, ref.name ?? "")) invalid(errors, `${at}.${name}.name`, ref.name, wrong);
    }
    // the field of these two is the list, not its element, as in Kubernetes
    if (configMapRef === undefined && secretRef === undefined) invalid(errors, path, "", "must specify one of: `configMapRef` or `secretRef`");
    else if (configMapRef !== undefined && secretRef !== undefined) invalid(errors, path, "", "may not have more than one field specified at a time");
  });
}
