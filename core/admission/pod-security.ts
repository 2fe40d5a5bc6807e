/**
 * Pod Security admission (KEP-2579): labels of a namespace say which pods may run there (enforce) and which get a warning
 * (warn). Workloads are only warned about; changing the label warns of pods that are there already.
 */
import type { AnyObject } from "../api/meta.ts";
import { NAMESPACES, PODS } from "../api/resources.gen.ts";
import type { FieldError } from "../api/status.ts";
import { invalid } from "../api/status.ts";
import type { Namespace, Pod, PodSpec } from "../api/types.gen.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { forbidden } from "./forbidden.ts";
import type { Lookup } from "./lookup.ts";
import type { Finding, Level } from "./pod-security-checks.ts";
import { findings } from "./pod-security-checks.ts";

const PREFIX = "pod-security.kubernetes.io/";
const MODES = ["enforce", "audit", "warn"] as const;
const LEVELS: readonly string[] = ["privileged", "baseline", "restricted"];
/** Pods of a namespace that a changed label is checked against: a warning need not be complete. */
const MAX_EXISTING = 3_000;

interface Policy {
  readonly level: Level;
  readonly version: string;
}

/** Where the pod template of a workload is. */
const TEMPLATES: { readonly [resource: string]: readonly string[] } = {
  "/podtemplates": ["template", "spec"],
  "/replicationcontrollers": ["spec", "template", "spec"],
  "apps/daemonsets": ["spec", "template", "spec"],
  "apps/deployments": ["spec", "template", "spec"],
  "apps/replicasets": ["spec", "template", "spec"],
  "apps/statefulsets": ["spec", "template", "spec"],
  "batch/cronjobs": ["spec", "jobTemplate", "spec", "template", "spec"],
  "batch/jobs": ["spec", "template", "spec"],
};

export function podSecurity({ lookup }: { readonly lookup: Lookup }): AdmissionPlugin {
  const policy = (namespace: string | undefined, mode: (typeof MODES)[number]) =>
    policyOf(lookup.get(NAMESPACES, undefined, namespace ?? "")?.metadata.labels, mode);
  return {
    name: "PodSecurity",
    handles: ({ kind, operation, subresource }) => {
      if (operation !== "CREATE" && operation !== "UPDATE") return false;
      if (kind.group === "" && kind.plural === "namespaces") return subresource === undefined;
      if (kind.group === "" && kind.plural === "pods") return subresource === undefined || subresource === "ephemeralcontainers";
      return subresource === undefined && Object.hasOwn(TEMPLATES, `${kind.group}/${kind.plural}`);
    },
    async validate(request) {
      const { kind, object, old, namespace, name, warn } = request;
      if (object === undefined) return;
      if (kind.group === "" && kind.plural === "namespaces") return checkNamespace(request, lookup);
      const isPod = kind.group === "" && kind.plural === "pods";
      const spec = at(object, isPod ? ["spec"] : (TEMPLATES[`${kind.group}/${kind.plural}`] ?? [])) as PodSpec | undefined;
      if (spec?.containers === undefined) return;
      if (old !== undefined && isPod && JSON.stringify(old.spec) === JSON.stringify(object.spec)) return;
      const enforced = policy(namespace, "enforce");
      const wrong = isPod ? findings(enforced.level, spec) : [];
      if (wrong.length > 0) throw forbidden(kind, name, `violates PodSecurity "${show(enforced)}": ${describe(wrong)}`);
      const warned = policy(namespace, "warn");
      const doubtful = findings(warned.level, spec);
      if (doubtful.length > 0) warn(`would violate PodSecurity "${show(warned)}": ${describe(doubtful)}`);
    },
  };
}

const show = ({ level, version }: Policy) => `${level}:${version}`;
const describe = (list: readonly Finding[]) => list.map(({ reason, detail }) => (detail === "" ? reason : `${reason} (${detail})`)).join(", ");

function policyOf(labels: { readonly [key: string]: string } | undefined, mode: string): Policy {
  // Who enforces and says nothing of warnings is warned of what would be refused.
  if (mode === "warn" && labels?.[PREFIX + mode] === undefined && labels?.[`${PREFIX}enforce`] !== undefined) return policyOf(labels, "enforce");
  const level = labels?.[PREFIX + mode] ?? "privileged";
  // What cannot be read is taken for the strictest: a typo must not open a namespace.
  return { level: LEVELS.includes(level) ? (level as Level) : "restricted", version: labels?.[`${PREFIX}${mode}-version`] ?? "latest" };
}

async function checkNamespace({ object, old, warn, kind, name }: AdmissionRequest, lookup: Lookup): Promise<void> {
  const labels = object?.metadata.labels;
  const errors = labelErrors(labels);
  const before = (old as Namespace | undefined)?.metadata.labels;
  if (errors.length > 0 && JSON.stringify(labels) !== JSON.stringify(before)) throw invalid(kind, name, errors);
  if (old === undefined) return;
  const now = policyOf(labels, "enforce");
  const was = policyOf(before, "enforce");
  if (now.level === was.level || LEVELS.indexOf(now.level) < LEVELS.indexOf(was.level)) return;
  const reasons = new Map<string, string[]>();
  for (const pod of (await lookup.list(PODS, name)).slice(0, MAX_EXISTING)) {
    const wrong = podFindings(now.level, pod);
    if (wrong !== "") reasons.set(wrong, [...(reasons.get(wrong) ?? []), pod.metadata.name ?? ""]);
  }
  if (reasons.size === 0) return;
  warn(`existing pods in namespace ${JSON.stringify(name)} violate the new PodSecurity enforce level "${show(now)}"`);
  for (const [reason, pods] of reasons) warn(`${some(pods)}: ${reason}`);
}

const podFindings = (level: Level, { spec }: Pod) => (spec === undefined ? "" : findings(level, spec).map(({ reason }) => reason).join(", "));

function some(pods: readonly string[]): string {
  if (pods.length === 1) return `${pods[0]}`;
  return `${pods[0]} (and ${pods.length - 1} other pod${pods.length === 2 ? "" : "s"})`;
}

const wrong = (key: string, value: string, why: string): FieldError => ({
  type: "FieldValueInvalid",
  field: `metadata.labels[${key}]`,
  message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
});

function labelErrors(labels: { readonly [key: string]: string } | undefined): readonly FieldError[] {
  return MODES.flatMap((mode) => {
    const level = labels?.[PREFIX + mode];
    const version = labels?.[`${PREFIX}${mode}-version`];
    return [
      ...(level === undefined || LEVELS.includes(level) ? [] : [wrong(PREFIX + mode, level, "must be one of privileged, baseline, restricted")]),
      ...(version === undefined || /^(latest|v1\.\d+)$/.test(version) ? [] : [wrong(`${PREFIX}${mode}-version`, version, 'must be "latest" or "v1.x"')]),
    ];
  });
}

function at(object: AnyObject, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (node as { readonly [key: string]: unknown } | undefined)?.[key], object);
}
