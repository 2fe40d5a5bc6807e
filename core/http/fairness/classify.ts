/**
 * Which FlowSchema a request belongs to, and to which flow within it (Kubernetes documentation, "API Priority and
 * Fairness"). Pure: the schemas are an argument, in the order in which they are tried.
 */
import type { FlowSchema } from "../../api/types.gen.ts";
import type { User } from "../../api/user.ts";
import type { Asked } from "./asked.ts";

interface Subject {
  readonly kind: string;
  readonly user?: { readonly name: string };
  readonly group?: { readonly name: string };
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
}

interface Rules {
  readonly subjects?: readonly Subject[];
  readonly resourceRules?: readonly ResourceRule[];
  readonly nonResourceRules?: readonly NonResourceRule[];
}

interface ResourceRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly clusterScope?: boolean;
  readonly namespaces?: readonly string[];
}

interface NonResourceRule {
  readonly verbs: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

/** kube-apiserver's default of matchingPrecedence */
const PRECEDENCE = 1000;

/** Schemas in the order in which they are tried: by precedence, then by name. */
export function inPrecedence(schemas: readonly FlowSchema[]): readonly FlowSchema[] {
  return schemas.toSorted((a, b) => {
    const by = (a.spec?.matchingPrecedence ?? PRECEDENCE) - (b.spec?.matchingPrecedence ?? PRECEDENCE);
    return by !== 0 ? by : (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
  });
}

export function matches({ spec }: FlowSchema, asked: Asked): boolean {
  const rules = (spec?.rules ?? []) as readonly Rules[];
  return rules.some(
    ({ subjects = [], resourceRules = [], nonResourceRules = [] }) =>
      subjects.some((subject) => isSubject(subject, asked.user)) &&
      (asked.resource === undefined ? nonResourceRules.some((rule) => coversPath(rule, asked)) : resourceRules.some((rule) => coversResource(rule, asked))),
  );
}

/** What tells the flows of one schema apart: requests of one flow share queues. */
export function flowOf({ spec }: FlowSchema, { user, resource }: Asked): string {
  switch (spec?.distinguisherMethod?.type) {
    case "ByUser":
      return user.name;
    case "ByNamespace":
      return resource?.namespace ?? "";
    default:
      return "";
  }
}

function isSubject({ kind, user, group, serviceAccount }: Subject, { name, groups }: User): boolean {
  switch (kind) {
    case "User":
      return user?.name === "*" || user?.name === name;
    case "Group":
      return group !== undefined && (group.name === "*" || groups.includes(group.name));
    case "ServiceAccount": {
      if (serviceAccount === undefined) return false;
      const prefix = `system:serviceaccount:${serviceAccount.namespace}:`;
      return serviceAccount.name === "*" ? name.startsWith(prefix) : name === prefix + serviceAccount.name;
    }
    default:
      return false;
  }
}

const holds = (list: readonly string[], value: string) => list.includes("*") || list.includes(value);

function coversPath({ verbs, nonResourceURLs }: NonResourceRule, { verb, path }: Asked): boolean {
  return holds(verbs, verb) && nonResourceURLs.some((url) => url === "*" || url === path || (url.endsWith("/*") && path.startsWith(url.slice(0, -1))));
}

function coversResource({ verbs, apiGroups, resources, clusterScope = false, namespaces = [] }: ResourceRule, { verb, resource }: Asked): boolean {
  if (resource === undefined || !holds(verbs, verb) || !holds(apiGroups, resource.group)) return false;
  if (!holds(resources, resource.subresource === undefined ? resource.plural : `${resource.plural}/${resource.subresource}`)) return false;
  return resource.namespace === undefined ? clusterScope : holds(namespaces, resource.namespace);
}
