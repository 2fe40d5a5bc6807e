/** Whether a container that ended starts again: the pod's policy, the container's own, and its exit-code rules (KEP-5307). */
import type { Container, Pod } from "../core/api/types.gen.ts";

export type RestartPolicy = "Always" | "OnFailure" | "Never";

/** An init container that keeps running beside the others (KEP-753). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

export function podRestartPolicy(pod: Pod): RestartPolicy {
  return pod.spec?.restartPolicy ?? "Always";
}

export function restartsAfter(pod: Pod, container: Container, exitCode: number): boolean {
  if (matchingRule(container, exitCode) !== undefined) return true;
  const policy = container.restartPolicy ?? podRestartPolicy(pod);
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

/** The whole pod starts over after this exit (KEP-5532). */
export function restartsAll(container: Container, exitCode: number): boolean {
  return matchingRule(container, exitCode) === "RestartAllContainers";
}

/** The first rule that fits decides. */
function matchingRule({ restartPolicyRules = [] }: Container, exitCode: number): string | undefined {
  return restartPolicyRules.find(({ exitCodes }) => exitCodes !== undefined && (exitCodes.values?.includes(exitCode) === true) === (exitCodes.operator === "In"))?.action;
}

/** Init containers: Always means "until it succeeds". */
export function initRestartsAfter(pod: Pod, container: Container, exitCode: number): boolean {
  if (isSidecar(container)) return true;
  return exitCode !== 0 && restartsAfter(pod, container, exitCode);
}
