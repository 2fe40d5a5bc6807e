/**
 * Pod Security admission (KEP-2579): labels of a namespace say which pods may run there (enforce) and which get a warning
 * (warn). Workloads are only warned about; changing the label warns of pods that are there already.
 */
import type { AnyObject } from "../api/meta.ts";
import { NAMESPACES, PODS } from "../api/resources.gen.ts";
import type { FieldError } from "../api/status.ts";
import { invalid } from "../api/status.ts";
import type { Namespace, Pod } from "../api/types.gen.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { forbidden } from "./forbidden.ts";
import type { Lookup } from "./lookup.ts";
import type { Finding, Level, Policy } from "./pod-security-checks.ts";
import { findings } from "./pod-security-checks.ts";

const PREFIX = "pod-security.kubernetes.io/";
const MODES = ["enforce", "audit", "warn"] as const;
const LEVELS: readonly string[] = ["privileged", "baseline", "restricted"];
/** Pods of a namespace that a changed label is checked against: a warning need not be complete. */
const MAX_EXISTING = 3_000;

/** Where the pod of a workload is, a template with metadata and spec. */
const TEMPLATES: { readonly [resource: string]: readonly string[] } = {
  "/podtemplates": ["template"],
  "/replicationcontrollers": ["spec", "template"],
  "apps/daemonsets": ["spec", "template"],
  "apps/deployments": ["spec", "template"],
  "apps/replicasets": ["spec", "template"],
  "apps/statefulsets": ["spec", "template"],
  "batch/cronjobs": ["spec", "jobTemplate", "spec", "template"],
  "batch/jobs": ["spec", "template"],
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
      const { spec, metadata } = (at(object, isPod ? [] : (TEMPLATES[`${kind.group}/${kind.plural}`] ?? [])) ?? {}) as Partial<Pod>;
      if (spec?.containers === undefined) return;
      const annotations = metadata?.annotations ?? {};
      if (old !== undefined && isPod && JSON.stringify(old.spec) === JSON.stringify(object.spec)) return;
      const enforced = policy(namespace, "enforce");
      const wrong = isPod ? findings(enforced, spec, annotations) : [];
      if (wrong.length > 0) throw forbidden(kind, name, `violates PodSecurity "${show(enforced)}": ${describe(wrong)}`);
      const warned = policy(namespace, "warn");
      const doubtful = findings(warned, spec, annotations);
      if (doubtful.length > 0) warn(`would violate PodSecurity "${show(warned)}": ${describe(doubtful)}`);
    },
  };
}

const show = ({ level, version }: Policy) => `${level}:${version === Infinity ? "latest" : `v1.${version}`}`;
const describe = (list: readonly Finding[]) => list.map(({ reason, detail }) => (detail === "" ? reason : `${reason} (${detail})`)).join(", ");

type Mode = (typeof MODES)[number];

function policyOf(labels: { readonly [key: string]: string } | undefined, mode: Mode): Policy {
  const given = labels?.[PREFIX + mode];
  const version = versionOf(labels?.[`${PREFIX}${mode}-version`]);
  // Who enforces and says nothing of warnings is warned of what would be refused.
  if (mode === "warn" && given === undefined && LEVELS.includes(labels?.[`${PREFIX}enforce`] ?? "")) {
    const enforced = policyOf(labels, "enforce");
    return enforced.level === "privileged" || version !== undefined ? { ...enforced, version: version ?? Infinity } : enforced;
  }
  return { level: levelOf(given, mode), version: version ?? Infinity };
}

/** What cannot be read is taken for the strictest where it enforces: a typo must not open a namespace. */
function levelOf(given: string | undefined, mode: Mode): Level {
  if (given === undefined) return "privileged";
  if (LEVELS.includes(given)) return given as Level;
  return mode === "enforce" ? "restricted" : "privileged";
}

/** undefined: not said; what cannot be read is the latest. */
function versionOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const minor = /^v1\.(0|[1-9]\d*)$/.exec(text)?.[1];
  return minor === undefined ? Infinity : Number(minor);
}

async function checkNamespace({ object, old, warn, kind, name }: AdmissionRequest, lookup: Lookup): Promise<void> {
  const labels = object?.metadata.labels;
  const errors = labelErrors(labels);
  const before = (old as Namespace | undefined)?.metadata.labels;
  if (errors.length > 0 && JSON.stringify(labels) !== JSON.stringify(before)) throw invalid(kind, name, errors);
  if (old === undefined) return;
  const now = policyOf(labels, "enforce");
  const was = policyOf(before, "enforce");
  if (now.level === "privileged" || (now.version === was.version && LEVELS.indexOf(now.level) <= LEVELS.indexOf(was.level))) return;
  const reasons = new Map<string, string[]>();
  for (const pod of (await lookup.list(PODS, name)).slice(0, MAX_EXISTING)) {
    const wrong = podFindings(now, pod);
    if (wrong !== "") reasons.set(wrong, [...(reasons.get(wrong) ?? []), pod.metadata.name ?? ""]);
  }
  if (reasons.size === 0) return;
  warn(`existing pods in namespace ${JSON.stringify(name)} violate the new PodSecurity enforce level "${show(now)}"`);
  for (const [reason, pods] of reasons) warn(`${some(pods)}: ${reason}`);
}

const podFindings = (policy: Policy, { spec, metadata }: Pod) => (spec === undefined ? "" : findings(policy, spec, metadata.annotations).map(({ reason }) => reason).join(", "));

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
      ...(version === undefined || /^(latest|v1\.(0|[1-9]\d*))$/.test(version) ? [] : [wrong(`${PREFIX}${mode}-version`, version, 'must be "latest" or "v1.x"')]),
    ];
  });
}

function at(object: AnyObject, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (node as { readonly [key: string]: unknown } | undefined)?.[key], object);
}
