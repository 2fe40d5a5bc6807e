/** The built-in controllers as data: what the server starts, one after another, in one loop. */
import type { Controller } from "../control/control.ts";
import { clusterRoleAggregation } from "./cluster-role-aggregation.ts";
import { deployment } from "./deployment.ts";
import type { ControllerDeps } from "./deps.ts";
import { garbageCollector } from "./garbage-collector.ts";
import { namespace } from "./namespace.ts";
import { nodeLifecycle } from "./node-lifecycle.ts";
import { podGarbageCollector } from "./pod-garbage-collector.ts";
import { replicaSet } from "./replica-set.ts";
import { replicationController } from "./replication-controller.ts";
import { rootCaPublisher } from "./root-ca-publisher.ts";
import { serviceAccount } from "./service-account.ts";
import { taintEviction } from "./taint-eviction.ts";

export interface AllDeps extends ControllerDeps {
  /** the CA of the API server, PEM */
  readonly rootCa: string;
}

const builders: readonly ((deps: AllDeps) => Controller)[] = [
  replicaSet,
  deployment,
  namespace,
  garbageCollector,
  nodeLifecycle,
  taintEviction,
  serviceAccount,
  (deps) => rootCaPublisher(deps, deps.rootCa),
  clusterRoleAggregation,
  podGarbageCollector,
  replicationController,
];

export function controllers(deps: AllDeps): readonly Controller[] {
  return builders.map((build) => build(deps));
}
