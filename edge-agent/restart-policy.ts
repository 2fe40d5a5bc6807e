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
  for (const rule of container.restartPolicyRules ?? []) {
    const codes = rule.exitCodes;
    const listed = codes?.values?.includes(exitCode) === true;
    if (rule.action === "Restart" && codes !== undefined && listed === (codes.operator === "In")) return true;
  }
  const policy = container.restartPolicy ?? podRestartPolicy(pod);
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

/** Init containers: Always means "until it succeeds". */
export function initRestartsAfter(pod: Pod, container: Container, exitCode: number): boolean {
  if (isSidecar(container)) return true;
  return exitCode !== 0 && restartsAfter(pod, container, exitCode);
}
