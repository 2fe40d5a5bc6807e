/**
 * A pod stays for a while on a node that is not ready or not reachable. The seconds are configuration: on a fleet whose
 * devices are often offline, five minutes would move everything all the time.
 */
import type { Pod, Toleration } from "../api/types.gen.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns } from "./concerns.ts";

const TAINTS = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] as const;
/** The default of Kubernetes. */
const SECONDS = 300;

export interface DefaultTolerations {
  readonly notReadySeconds?: number;
  readonly unreachableSeconds?: number;
}

export function defaultTolerationSeconds({ notReadySeconds = SECONDS, unreachableSeconds = SECONDS }: DefaultTolerations = {}): AdmissionPlugin {
  const seconds = { "node.kubernetes.io/not-ready": notReadySeconds, "node.kubernetes.io/unreachable": unreachableSeconds };
  return {
    name: "DefaultTolerationSeconds",
    handles: concerns({ group: "", plural: "pods", operations: ["CREATE", "UPDATE"] }),
    async mutate({ object }) {
      const pod = object as unknown as Pod;
      const given = pod.spec?.tolerations ?? [];
      const missing = TAINTS.filter((key) => !given.some((toleration) => tolerates(toleration, key)));
      if (missing.length === 0) return object;
      const added = missing.map((key) => ({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds: seconds[key] }));
      return { ...object, spec: { ...pod.spec, tolerations: [...given, ...added] } };
    },
  };
}

function tolerates({ key = "", effect }: Toleration, taint: string): boolean {
  return (key === taint || key === "") && (effect === "NoExecute" || effect === undefined);
}
