/** All plugins of a server, in the order in which Kubernetes runs them. What is optional needs parts that not every server has. */
import type { Entropy } from "../api/entropy.ts";
import type { AdmissionPlugin } from "./admission.ts";
import type { CertificateRequestParts } from "./certificate-requests.ts";
import { certificateApproval, certificateRequester, certificateSigning, certificateSubjectRestriction } from "./certificate-requests.ts";
import { defaultIngressClass } from "./default-ingress-class.ts";
import { defaultStorageClass } from "./default-storage-class.ts";
import type { DefaultTolerations } from "./default-toleration-seconds.ts";
import { defaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { limitRanger } from "./limit-ranger.ts";
import type { Lookup } from "./lookup.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { nodeRestriction } from "./node-restriction.ts";
import { persistentVolumeClaimResize } from "./persistent-volume-claim-resize.ts";
import { podSecurity } from "./pod-security.ts";
import { priority } from "./priority.ts";
import type { EscalationParts } from "./rbac-escalation.ts";
import { rbacEscalation } from "./rbac-escalation.ts";
import type { ResourceQuotaParts } from "./resource-quota.ts";
import { resourceQuota } from "./resource-quota.ts";
import { runtimeClass } from "./runtime-class.ts";
import { serviceAccount } from "./service-account.ts";
import { storageObjectInUseProtection } from "./storage-object-in-use-protection.ts";
import { taintNodesByCondition } from "./taint-nodes-by-condition.ts";

export interface DefaultPlugins {
  readonly lookup: Lookup;
  readonly entropy: Pick<Entropy, "suffix">;
  readonly tolerations?: DefaultTolerations;
  readonly quota?: Omit<ResourceQuotaParts, "lookup">;
  readonly certificates?: CertificateRequestParts;
  readonly escalation?: EscalationParts;
  /** between the mutations and the quota: webhooks and policies */
  readonly more?: readonly AdmissionPlugin[];
}

export function defaultPlugins({ lookup, entropy, tolerations, quota, certificates, escalation, more = [] }: DefaultPlugins): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle({ lookup }),
    limitRanger({ lookup }),
    serviceAccount({ lookup, entropy }),
    nodeRestriction({ lookup }),
    taintNodesByCondition(),
    podSecurity({ lookup }),
    priority({ lookup }),
    defaultTolerationSeconds(tolerations),
    defaultStorageClass({ lookup }),
    storageObjectInUseProtection(),
    persistentVolumeClaimResize({ lookup }),
    runtimeClass({ lookup }),
    certificateRequester(),
    ...(certificates === undefined ? [] : [certificateApproval(certificates), certificateSigning(certificates), certificateSubjectRestriction(certificates)]),
    defaultIngressClass({ lookup }),
    ...(escalation === undefined ? [] : [rbacEscalation(escalation)]),
    ...more,
    ...(quota === undefined ? [] : [resourceQuota({ lookup, ...quota })]),
  ];
}
