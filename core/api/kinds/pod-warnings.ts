/**
 * Warnings about pods and templates: what is deprecated, what does not do what it seems to do. Data first: most are one
 * sentence per label, annotation or kind of volume.
 */
import type { AnyObject } from "../meta.ts";
import { dns1123Label, labelValue, quote } from "../names.ts";
import type { Container, NodeSelectorTerm, Pod, PodSpec, PodTemplateSpec } from "../types.gen.ts";
import { wordTable } from "../word-table.ts";
import { addressWarnings } from "./address-warnings.ts";
import { pathWarnings } from "./pod-path-warnings.ts";
import { portWarnings } from "./pod-port-warnings.ts";
import { sortedEntries } from "./validate/errors.ts";
import { isWhole } from "./validate/quantity-rules.ts";
import { same } from "./validate/same.ts";

const LABELS = wordTable<string>({
  "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
  "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
});

const ANNOTATIONS: readonly (readonly [annotation: RegExp, warning: string])[] = [
  [/^scheduler\.alpha\.kubernetes\.io\/critical-pod$/, 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  [/^security\.alpha\.kubernetes\.io\/(?:unsafe-)?sysctls$/, 'non-functional in v1.11+; use the "sysctls" field instead'],
];

const VOLUMES = {
  photonPersistentDisk: "deprecated in v1.11, non-functional in v1.16+",
  gitRepo: "deprecated in v1.11, and disabled by default in v1.33+",
  scaleIO: "deprecated in v1.16, non-functional in v1.22+",
  flocker: "deprecated in v1.22, non-functional in v1.25+",
  storageos: "deprecated in v1.22, non-functional in v1.25+",
  quobyte: "deprecated in v1.22, non-functional in v1.25+",
  glusterfs: "deprecated in v1.25, non-functional in v1.26+",
  cephfs: "deprecated in v1.28, non-functional in v1.31+",
  rbd: "deprecated in v1.28, non-functional in v1.31+",
} as const;

/** a field is shown with another name than its own */
const SHOWN: { readonly [field: string]: string } = { storageos: "storageOS" };

const IN_BYTES = ["memory", "ephemeral-storage"];
const HOSTNAME = "which can result in surprising behavior; a DNS label is recommended";

export function podWarnings({ metadata, spec }: Pod): readonly string[] {
  const wrong = dns1123Label(metadata.name ?? "");
  const names = wrong.length === 0 ? [] : [`metadata.name: this is used in the Pod's hostname, ${HOSTNAME}: [${wrong.join(" ")}]`];
  return [...names, ...allWarnings({ spec: "spec", metadata: "metadata", isPod: true }, spec, metadata.annotations)];
}

export function templateWarnings(path: string, template: PodTemplateSpec | undefined): readonly string[] {
  if (template === undefined) return [];
  return allWarnings({ spec: `${path}.spec`, metadata: `${path}.metadata`, isPod: false }, template.spec, template.metadata?.annotations);
}

/** The names of pods begin with that of their owner. */
export function ownerNameWarnings(name: string | undefined): readonly string[] {
  const wrong = dns1123Label(name ?? "");
  return wrong.length === 0 ? [] : [`metadata.name: this is used in Pod names and hostnames, ${HOSTNAME}: [${wrong.join(" ")}]`];
}

/** The hook `warnings` of workloads whose pods are named after them: the name is read once, the template when the spec changes. */
export function templateOwnerWarnings(object: AnyObject, old?: AnyObject): readonly string[] {
  const { metadata, spec } = object as TemplateOwner;
  if (old !== undefined && same(spec, (old as TemplateOwner).spec)) return [];
  return [...(old === undefined ? ownerNameWarnings(metadata.name) : []), ...templateWarnings("spec.template", spec?.template)];
}

type TemplateOwner = AnyObject & { readonly spec?: { readonly template?: PodTemplateSpec } };

function annotationWarnings(path: string, annotations: Annotations): readonly string[] {
  if (annotations === undefined) return [];
  return ANNOTATIONS.flatMap(([pattern, warning]) => Object.keys(annotations).filter((key) => pattern.test(key)).map((key) => `${path}.annotations[${key}]: ${warning}`));
}

type Annotations = { readonly [key: string]: string } | undefined;

/** Profiles in annotations count for nothing where a field says more; a pod's AppArmor annotations become fields. */
function profileWarnings(path: string, annotations: Annotations, spec: PodSpec, isPod: boolean): readonly string[] {
  if (annotations === undefined) return [];
  const warnings: string[] = [];
  const warn = (key: string, text: string) => {
    if (annotations[key] !== undefined) warnings.push(`${path}.annotations[${key}]: ${text}`);
  };
  if (spec.securityContext?.seccompProfile === undefined) warn("seccomp.security.alpha.kubernetes.io/pod", SECCOMP);
  for (const { name, securityContext } of [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])]) {
    if (securityContext?.seccompProfile === undefined) warn(`container.seccomp.security.alpha.kubernetes.io/${name}`, SECCOMP);
    if (isPod || (securityContext?.appArmorProfile === undefined && spec.securityContext?.appArmorProfile === undefined)) warn(`container.apparmor.security.beta.kubernetes.io/${name}`, APP_ARMOR);
  }
  return warnings;
}

const SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead';
const APP_ARMOR = 'deprecated since v1.30; use the "appArmorProfile" field instead';

function allWarnings(at: { readonly spec: string; readonly metadata: string; readonly isPod: boolean }, spec: PodSpec | undefined, annotations: Annotations): readonly string[] {
  const before = spec === undefined ? [] : specWarnings(at.spec, spec);
  const after = spec === undefined ? [] : [...profileWarnings(at.metadata, annotations, spec, at.isPod), ...volumesAndContainers(at.spec, spec)];
  return [...before, ...annotationWarnings(at.metadata, annotations), ...after];
}

function specWarnings(path: string, spec: PodSpec): readonly string[] {
  const warnings: string[] = [];
  if (spec.nodeSelector !== undefined) for (const [key] of sortedEntries(spec.nodeSelector)) if (LABELS[key] !== undefined) warnings.push(`${path}.nodeSelector[${key}]: ${LABELS[key]}`);
  const affinity = spec.affinity?.nodeAffinity;
  const [must, preferred] = ["requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"] as const;
  affinity?.[must]?.nodeSelectorTerms?.forEach((term, index) => warnings.push(...termWarnings(`${path}.affinity.nodeAffinity.${must}.nodeSelectorTerms[${index}]`, term)));
  affinity?.[preferred]?.forEach(({ preference }, index) => warnings.push(...termWarnings(`${path}.affinity.nodeAffinity.${preferred}[${index}].preference`, preference, { values: true })));
  spec.topologySpreadConstraints?.forEach(({ topologyKey, labelSelector }, index) => {
    const at = `${path}.topologySpreadConstraints[${index}]`;
    if (LABELS[topologyKey] !== undefined) warnings.push(`${at}.topologyKey: ${topologyKey} is ${LABELS[topologyKey]}`);
    if (isAbsent(labelSelector)) warnings.push(`${at}.labelSelector: ${NO_POD}`);
  });
  return warnings;
}

/** What Kubernetes says after what it has to say of the annotations. */
function volumesAndContainers(path: string, spec: PodSpec): readonly string[] {
  const warnings: string[] = [];
  const say = (field: string, text: string) => warnings.push(`${path}.${field}: ${text}`);
  volumeWarnings(warnings, path, spec);
  warnings.push(...pathWarnings(spec.volumes));
  repeated(spec.hostAliases?.map(({ ip }) => ip), (index, ip) => say(`hostAliases[${index}].ip`, `duplicate ip ${quote(ip)}`));
  repeated(spec.imagePullSecrets?.map(({ name = "" }) => name), (index, name) => say(`imagePullSecrets[${index}].name`, `duplicate name ${quote(name)}`));
  spec.imagePullSecrets?.forEach(({ name = "" }, index) => {
    if (name === "") say(`imagePullSecrets[${index}].name`, 'invalid empty name ""');
  });
  for (const name of IN_BYTES) {
    const amount = spec.overhead?.[name];
    if (amount !== undefined && !isWhole(amount)) say(`overhead[${name}]`, fractional(amount));
  }
  const containers = (["initContainers", "containers", "ephemeralContainers"] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, index) => ({ at: `${path}.${list}[${index}]`, container: container as Container })),
  );
  for (const { at, container } of containers) containerWarnings(warnings, at, container);
  warnings.push(...portWarnings(containers.map(({ at, container: { ports } }) => ({ at, ...(ports === undefined ? {} : { ports }) }))));
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) say("terminationGracePeriodSeconds", "must be >= 0; negative values are invalid and will be treated as 1");
  affinityWarnings(warnings, path, spec);
  spec.dnsConfig?.nameservers?.forEach((address, index) => warnings.push(...addressWarnings(`${path}.dnsConfig.nameservers[${index}]`, address)));
  spec.hostAliases?.forEach(({ ip }, index) => warnings.push(...addressWarnings(`${path}.hostAliases[${index}].ip`, ip ?? "")));
  return warnings;
}

const NO_POD = "a null labelSelector results in matching no pod";
const isAbsent = (value: unknown): boolean => value === undefined || value === null;

function repeated(values: readonly string[] | undefined, found: (index: number, value: string) => void): void {
  values?.forEach((value, index) => {
    if (values.indexOf(value) < index) found(index, value);
  });
}

function affinityWarnings(warnings: string[], path: string, { affinity }: PodSpec): void {
  for (const kind of ["podAffinity", "podAntiAffinity"] as const) {
    const at = `${path}.affinity.${kind}`;
    affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution?.forEach(({ labelSelector }, index) => {
      if (isAbsent(labelSelector)) warnings.push(`${at}.requiredDuringSchedulingIgnoredDuringExecution[${index}].labelSelector: ${NO_POD}`);
    });
    affinity?.[kind]?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ podAffinityTerm: term }, index) => {
      if (isAbsent(term?.labelSelector)) warnings.push(`${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm.labelSelector: ${NO_POD}`);
    });
  }
}

/** `values`: also labels that no node can have */
function termWarnings(path: string, term: NodeSelectorTerm | undefined, { values }: { readonly values: boolean } = { values: false }): readonly string[] {
  return (term?.matchExpressions ?? []).flatMap((expression, index) => {
    const at = `${path}.matchExpressions[${index}]`;
    const deprecated = LABELS[expression.key];
    const wrong = !values ? [] : (expression.values ?? []).flatMap((value, number) => labelValue(value).map((why) => `${at}.values[${number}]: ${value} is invalid, ${why}`));
    return [...(deprecated === undefined ? [] : [`${at}.key: ${expression.key} is ${deprecated}`]), ...wrong];
  });
}

function volumeWarnings(warnings: string[], path: string, { volumes }: PodSpec): void {
  volumes?.forEach((volume, index) => {
    const at = `${path}.volumes[${index}]`;
    for (const [field, warning] of Object.entries(VOLUMES)) if (volume[field as keyof typeof VOLUMES] !== undefined) warnings.push(`${at}.${SHOWN[field] ?? field}: ${warning}`);
    for (const list of ["requests", "limits"] as const) {
      const storage = volume.ephemeral?.volumeClaimTemplate?.spec?.resources?.[list]?.["storage"];
      if (storage !== undefined && !isWhole(storage)) warnings.push(`${at}.ephemeral.volumeClaimTemplate.spec.resources.${list}[storage]: ${fractional(storage)}`);
    }
  });
}

const fractional = (amount: string) => `fractional byte value ${quote(amount)} is invalid, must be an integer`;

function containerWarnings(warnings: string[], path: string, { resources, env }: Container): void {
  for (const name of IN_BYTES) {
    for (const list of ["limits", "requests"] as const) {
      const amount = resources?.[list]?.[name];
      if (amount !== undefined && !isWhole(amount)) warnings.push(`${path}.resources.${list}[${name}]: ${fractional(amount)}`);
    }
  }
  env?.forEach(({ name, value = "", valueFrom }, index) => {
    if (env.findIndex((other) => other.name === name) === index) return;
    // a value that adds to the earlier one of its name needs it
    const builds = valueFrom === undefined && value.includes(`$(${name})`) && value !== `$(${name})`;
    if (!builds) warnings.push(`${path}.env[${index}]: hides previous definition of ${quote(name)}, which may be dropped when using apply`);
  });
}
