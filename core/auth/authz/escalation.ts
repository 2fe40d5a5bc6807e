/**
 * Nobody may give what they do not have: whoever writes a role, or binds one, must hold every rule of it, unless RBAC
 * allows the verb "escalate" or "bind" on the role (Kubernetes documentation, "Privilege escalation prevention and
 * bootstrapping"). The caller asks for those verbs first.
 */
import type { PolicyRule } from "../../api/types.gen.ts";
import type { User } from "../../api/user.ts";
import { MASTERS } from "../../api/user.ts";
import { uncovered } from "./rules.ts";

/** Why `user`, who holds `held`, may not grant `wanted`; undefined if they may. Worded as apiserver does. */
export function escalation(user: User, held: readonly PolicyRule[], wanted: readonly PolicyRule[]): string | undefined {
  if (user.groups.includes(MASTERS)) return undefined;
  const missing = uncovered(held, wanted);
  if (missing.length === 0) return undefined;
  const lines = [...new Set(merged(missing).map(describe))].toSorted();
  return `user ${JSON.stringify(user.name)} (groups=${list(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${lines.join("\n")}`;
}

/** Rules for the same resource and name become one with all their verbs. */
function merged(rules: readonly PolicyRule[]): PolicyRule[] {
  const byThing = new Map<string, PolicyRule>();
  const result: PolicyRule[] = [];
  for (const rule of rules) {
    if (rule.nonResourceURLs !== undefined) {
      result.push(rule);
      continue;
    }
    const thing = JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames]);
    const before = byThing.get(thing);
    byThing.set(thing, before === undefined ? rule : { ...before, verbs: [...before.verbs, ...rule.verbs] });
  }
  return [...byThing.values(), ...result];
}

function describe(rule: PolicyRule): string {
  const parts: readonly [string, readonly string[] | undefined][] = [
    ["APIGroups", rule.apiGroups],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["Resources", rule.resources],
    ["ResourceNames", rule.resourceNames],
    ["Verbs", rule.verbs],
  ];
  return `{${parts.flatMap(([name, items]) => (items === undefined || items.length === 0 ? [] : [`${name}:${list(items)}`])).join(", ")}}`;
}

const list = (items: readonly string[]) => `[${items.map((item) => JSON.stringify(item)).join(" ")}]`;
