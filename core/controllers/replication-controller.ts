import { PODS, REPLICATION_CONTROLLERS } from "../api/resources.gen.ts";
import { selectorOf } from "../api/selector.ts";
import type { ReplicationController } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import type { ReplicaKind } from "./replicas.ts";
import { replicaController } from "./replicas.ts";

const kind: ReplicaKind<ReplicationController> = {
  name: "replicationcontroller",
  kind: "ReplicationController",
  resource: REPLICATION_CONTROLLERS,
  spec: ({ spec }) => ({
    replicas: spec?.replicas ?? 1,
    selector: spec?.selector === undefined ? undefined : selectorOf({ matchLabels: spec.selector }),
    template: spec?.template,
    minReadySeconds: spec?.minReadySeconds ?? 0,
  }),
  status: ({ status }) => status,
  countsTerminating: false,
};

export function replicationController(deps: ControllerDeps): Controller {
  return replicaController(kind, {
    ...actor(deps, "replication-controller"),
    owners: deps.informers.of(REPLICATION_CONTROLLERS),
    pods: deps.informers.of(PODS),
    clock: deps.clock,
  });
}
