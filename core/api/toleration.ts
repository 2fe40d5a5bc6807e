/** Whether pods put up with a taint: asked by scheduler, eviction and DaemonSets (Kubernetes, "Taints and Tolerations"). */
import type { Taint, Toleration } from "./types.gen.ts";

export function isTolerated(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((toleration) => tolerates(toleration, taint));
}

/** Empty texts, which older clients send, mean the same as absent ones. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  const { key = "", value = "", operator = "Equal" } = toleration;
  const effect: string = toleration.effect ?? "";
  if (effect !== "" && effect !== taint.effect) return false;
  if (key !== "" && key !== taint.key) return false;
  switch (operator) {
    case "Exists":
      return true;
    case "Equal":
      return key !== "" && value === (taint.value ?? "");
    // KEP-5471: numeric comparison of the taint's value with the toleration's
    case "Gt":
      return areNumbers(value, taint.value) && Number(taint.value) > Number(value);
    case "Lt":
      return areNumbers(value, taint.value) && Number(taint.value) < Number(value);
    default:
      return false;
  }
}

const areNumbers = (...texts: readonly (string | undefined)[]) => texts.every((text) => text !== undefined && /^-?\d+$/.test(text));
