import { PODS, REPLICA_SETS } from "../api/resources.gen.ts";
import { selectorOf } from "../api/selector.ts";
import type { ReplicaSet } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import type { ReplicaKind } from "./replicas.ts";
import { replicaController } from "./replicas.ts";

export const replicaSetKind: ReplicaKind<ReplicaSet> = {
  name: "replicaset",
  kind: "ReplicaSet",
  resource: REPLICA_SETS,
  spec: ({ spec }) => ({
    replicas: spec?.replicas ?? 1,
    selector: spec?.selector === undefined ? undefined : selectorOf(spec.selector),
    template: spec?.template,
    minReadySeconds: spec?.minReadySeconds ?? 0,
  }),
  status: ({ status }) => status,
  countsTerminating: true,
};

export function replicaSet(deps: ControllerDeps): Controller {
  return replicaController(replicaSetKind, {
    ...actor(deps, "replicaset-controller"),
    owners: deps.informers.of(REPLICA_SETS),
    pods: deps.informers.of(PODS),
    clock: deps.clock,
  });
}
