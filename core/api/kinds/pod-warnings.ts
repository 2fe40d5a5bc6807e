/**
 * Warnings about pods and templates: what is deprecated, what does not do what it seems to do. Data first: most are one
 * sentence per label, annotation or kind of volume.
 */
import type { AnyObject } from "../meta.ts";
import { dns1123Label, quote } from "../names.ts";
import type { Container, NodeSelectorTerm, Pod, PodSpec, PodTemplateSpec } from "../types.gen.ts";
import { sortedEntries } from "./validate/errors.ts";
import { isWhole } from "./validate/quantity-rules.ts";
import { same } from "./validate/same.ts";

const LABELS: { readonly [label: string]: string } = {
  "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
  "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

const ANNOTATIONS: readonly (readonly [annotation: RegExp, warning: string])[] = [
  [/^scheduler\.alpha\.kubernetes\.io\/critical-pod$/, 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  [/^security\.alpha\.kubernetes\.io\/(?:unsafe-)?sysctls$/, 'non-functional in v1.11+; use the "sysctls" field instead'],
  [/^seccomp\.security\.alpha\.kubernetes\.io\/pod$/, 'non-functional in v1.27+; use the "seccompProfile" field instead'],
  [/^container\.seccomp\.security\.alpha\.kubernetes\.io\//, 'non-functional in v1.27+; use the "seccompProfile" field instead'],
  [/^container\.apparmor\.security\.beta\.kubernetes\.io\//, 'deprecated since v1.30; use the "appArmorProfile" field instead'],
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
  return [...names, ...(spec === undefined ? [] : specWarnings("spec", spec)), ...annotationWarnings("metadata", metadata.annotations)];
}

export function templateWarnings(path: string, template: PodTemplateSpec | undefined): readonly string[] {
  if (template === undefined) return [];
  return [...(template.spec === undefined ? [] : specWarnings(`${path}.spec`, template.spec)), ...annotationWarnings(`${path}.metadata`, template.metadata?.annotations)];
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

function annotationWarnings(path: string, annotations: { readonly [key: string]: string } | undefined): readonly string[] {
  if (annotations === undefined) return [];
  return ANNOTATIONS.flatMap(([pattern, warning]) => Object.keys(annotations).filter((key) => pattern.test(key)).map((key) => `${path}.annotations[${key}]: ${warning}`));
}

function specWarnings(path: string, spec: PodSpec): readonly string[] {
  const warnings: string[] = [];
  if (spec.nodeSelector !== undefined) for (const [key] of sortedEntries(spec.nodeSelector)) if (LABELS[key] !== undefined) warnings.push(`${path}.nodeSelector[${key}]: ${LABELS[key]}`);
  const affinity = spec.affinity?.nodeAffinity;
  if (affinity !== undefined) {
    const must = "requiredDuringSchedulingIgnoredDuringExecution";
    const preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    affinity[must]?.nodeSelectorTerms?.forEach((term, index) => termWarnings(warnings, `${path}.affinity.nodeAffinity.${must}.nodeSelectorTerms[${index}]`, term));
    affinity[preferred]?.forEach(({ preference }, index) => termWarnings(warnings, `${path}.affinity.nodeAffinity.${preferred}[${index}].preference`, preference));
  }
  spec.topologySpreadConstraints?.forEach(({ topologyKey }, index) => {
    if (LABELS[topologyKey] !== undefined) warnings.push(`${path}.topologySpreadConstraints[${index}].topologyKey: ${topologyKey} is ${LABELS[topologyKey]}`);
  });
  volumeWarnings(warnings, path, spec);
  const ips = new Set<string>();
  spec.imagePullSecrets?.forEach(({ name = "" }, index) => {
    if (name === "") warnings.push(`${path}.imagePullSecrets[${index}].name: invalid empty name ""`);
  });
  spec.hostAliases?.forEach(({ ip }, index) => {
    if (ips.has(ip)) warnings.push(`${path}.hostAliases[${index}].ip: duplicate ip ${quote(ip)}`);
    ips.add(ip);
  });
  for (const list of ["initContainers", "containers"] as const) spec[list]?.forEach((container, index) => containerWarnings(warnings, `${path}.${list}[${index}]`, container));
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) warnings.push(`${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`);
  return warnings;
}

function termWarnings(warnings: string[], path: string, term: NodeSelectorTerm | undefined): void {
  term?.matchExpressions?.forEach(({ key }, index) => {
    if (LABELS[key] !== undefined) warnings.push(`${path}.matchExpressions[${index}].key: ${key} is ${LABELS[key]}`);
  });
}

function volumeWarnings(warnings: string[], path: string, { volumes }: PodSpec): void {
  volumes?.forEach((volume, index) => {
    const at = `${path}.volumes[${index}]`;
    for (const [field, warning] of Object.entries(VOLUMES)) if (volume[field as keyof typeof VOLUMES] !== undefined) warnings.push(`${at}.${SHOWN[field] ?? field}: ${warning}`);
    const storage = volume.ephemeral?.volumeClaimTemplate?.spec?.resources?.requests?.["storage"];
    if (storage !== undefined && !isWhole(storage)) warnings.push(`${at}.ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: ${fractional(storage)}`);
  });
}

const fractional = (amount: string) => `fractional byte value ${quote(amount)} is invalid, must be an integer`;

function containerWarnings(warnings: string[], path: string, { resources, env, ports }: Container): void {
  for (const list of ["limits", "requests"] as const) {
    for (const name of IN_BYTES) {
      const amount = resources?.[list]?.[name];
      if (amount !== undefined && !isWhole(amount)) warnings.push(`${path}.resources.${list}[${name}]: ${fractional(amount)}`);
    }
  }
  const names = new Set<string>();
  env?.forEach(({ name }, index) => {
    if (names.has(name)) warnings.push(`${path}.env[${index}]: hides previous definition of ${quote(name)}, which may be dropped when using apply`);
    names.add(name);
  });
  ports?.forEach((port, index) => {
    const first = ports.findIndex((other) => other.containerPort === port.containerPort && other.protocol === port.protocol && other.hostPort === port.hostPort && other.hostIP === port.hostIP);
    if (first < index) warnings.push(`${path}.ports[${index}]: duplicate port definition with ${path}.ports[${first}]`);
  });
}
