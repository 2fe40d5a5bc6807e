/** The built-in controllers as data: what the server starts, one after another, in one loop. */
import type { Controller } from "../control/control.ts";
import type { CertificateSigner } from "./certificates.ts";
import { certificateApproving, certificateCleaning, certificateSigning } from "./certificates.ts";
import { clusterRoleAggregation } from "./cluster-role-aggregation.ts";
import { cronJob } from "./cron-job.ts";
import { daemonSet } from "./daemon-set.ts";
import { deployment } from "./deployment.ts";
import type { ControllerDeps } from "./deps.ts";
import { disruption } from "./disruption.ts";
import { endpointSlice } from "./endpoint-slice.ts";
import { endpoints } from "./endpoints.ts";
import { endpointSliceMirroring } from "./endpointslice-mirroring.ts";
import { garbageCollector } from "./garbage-collector.ts";
import type { PodMetrics } from "./horizontal-pod-autoscaler.ts";
import { horizontalPodAutoscaler } from "./horizontal-pod-autoscaler.ts";
import { job } from "./job.ts";
import { namespace } from "./namespace.ts";
import type { PodNetwork } from "./node-ipam.ts";
import { DEFAULT_POD_NETWORK, nodeIpam } from "./node-ipam.ts";
import { nodeLifecycle } from "./node-lifecycle.ts";
import { nodeTtl } from "./node-ttl.ts";
import { podGarbageCollector } from "./pod-garbage-collector.ts";
import { replicaSet } from "./replica-set.ts";
import { replicationController } from "./replication-controller.ts";
import { resourceQuota } from "./resource-quota.ts";
import { rootCaPublisher } from "./root-ca-publisher.ts";
import { serviceAccount } from "./service-account.ts";
import { serviceCidr } from "./service-cidr.ts";
import { statefulSet } from "./stateful-set.ts";
import { taintEviction } from "./taint-eviction.ts";
import { accountTokenCleaner, bootstrapTokenCleaner } from "./token-cleanup.ts";
import { ttlAfterFinished } from "./ttl-after-finished.ts";
import { volumeBinder } from "./volume-binder.ts";
import { attributesClassProtection, claimProtection, volumeProtection } from "./volume-protection.ts";

export interface AllDeps extends ControllerDeps {
  /** the CA of the API server, PEM */
  readonly rootCa: string;
  /** without one, certificate requests are neither approved nor signed here */
  readonly signer?: CertificateSigner;
  /** without them, autoscalers report that no metrics are available */
  readonly metrics?: PodMetrics;
  /** default DEFAULT_POD_NETWORK */
  readonly podNetwork?: PodNetwork;
}

const noMetrics: PodMetrics = { usage: () => undefined };

/** undefined: it needs something that was not handed in */
const builders: readonly ((deps: AllDeps) => Controller | undefined)[] = [
  serviceAccount,
  (deps) => rootCaPublisher(deps, deps.rootCa),
  namespace,
  garbageCollector,
  replicaSet,
  deployment,
  statefulSet,
  daemonSet,
  job,
  cronJob,
  replicationController,
  endpointSlice,
  endpoints,
  endpointSliceMirroring,
  serviceCidr,
  (deps) => nodeIpam(deps, deps.podNetwork ?? DEFAULT_POD_NETWORK),
  nodeTtl,
  nodeLifecycle,
  taintEviction,
  podGarbageCollector,
  disruption,
  resourceQuota,
  (deps) => horizontalPodAutoscaler(deps, deps.metrics ?? noMetrics),
  ttlAfterFinished,
  clusterRoleAggregation,
  volumeBinder,
  claimProtection,
  volumeProtection,
  attributesClassProtection,
  (deps) => (deps.signer === undefined ? undefined : certificateApproving(deps, deps.signer)),
  (deps) => (deps.signer === undefined ? undefined : certificateSigning(deps, deps.signer)),
  certificateCleaning,
  bootstrapTokenCleaner,
  accountTokenCleaner,
];

export function controllers(deps: AllDeps): readonly Controller[] {
  return builders.map((build) => build(deps)).filter((controller) => controller !== undefined);
}
