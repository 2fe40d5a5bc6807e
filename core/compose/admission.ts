/** The admission plugins of a server, in the order in which Kubernetes runs them. */
import type { AdmissionPlugin } from "../admission/admission.ts";
import { defaultTolerationSeconds } from "../admission/default-toleration-seconds.ts";
import type { Lookup } from "../admission/lookup.ts";
import { namespaceLifecycle } from "../admission/namespace-lifecycle.ts";
import { priority } from "../admission/priority.ts";
import { runtimeClass } from "../admission/runtime-class.ts";
import { serviceAccount } from "../admission/service-account.ts";
import { taintNodesByCondition } from "../admission/taint-nodes-by-condition.ts";
import type { Entropy } from "../api/entropy.ts";

export interface AdmissionParts {
  readonly lookup: Lookup;
  readonly entropy: Entropy;
  readonly tolerationSeconds: number;
}

export function admissionPlugins({ lookup, entropy, tolerationSeconds }: AdmissionParts): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle({ lookup }),
    serviceAccount({ lookup, entropy }),
    taintNodesByCondition(),
    priority({ lookup }),
    defaultTolerationSeconds({ notReadySeconds: tolerationSeconds, unreachableSeconds: tolerationSeconds }),
    runtimeClass({ lookup }),
  ];
}
