/**
 * The condition "Dangling" of flow schemas: whether the priority level that they send requests to exists. The server counts
 * such requests to the catch-all level; here an administrator sees why.
 */
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import { timestamp } from "../api/clock.ts";
import { FLOW_SCHEMAS, PRIORITY_LEVEL_CONFIGURATIONS } from "../api/resources.gen.ts";
import { unlessGone } from "../api/status.ts";
import type { FlowSchema } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import type { SharedInformers } from "../control/informers.ts";
import { watching } from "../control/loop.ts";
import type { Condition } from "./conditions.ts";
import { findCondition } from "./conditions.ts";

/** The name that Kubernetes has in the managed fields of these objects. */
const MANAGER = "api-priority-and-fairness-config-consumer-v1";

const nameOf = ({ metadata }: FlowSchema) => metadata.name ?? "";

export function flowSchemaStatus({ informers, client, clock }: { readonly informers: SharedInformers; readonly client: Client; readonly clock: Pick<Clock, "now"> }): Controller {
  const schemas = informers.of(FLOW_SCHEMAS);
  const levels = informers.of(PRIORITY_LEVEL_CONFIGURATIONS);
  schemas.addIndex("level", ({ spec }) => (spec === undefined ? [] : [spec.priorityLevelConfiguration.name]));
  return {
    name: "flow-schema-status",
    watches: [watching(schemas, (schema) => [nameOf(schema)]), watching(levels, ({ metadata }) => schemas.by("level", metadata.name ?? "").map(nameOf))],
    async reconcile(name) {
      const schema = schemas.get(name);
      const level = schema?.spec?.priorityLevelConfiguration.name;
      if (schema === undefined || level === undefined) return undefined;
      const wanted = dangling(level, levels.get(level) !== undefined);
      const known = findCondition(schema.status?.conditions as readonly Condition[] | undefined, wanted.type);
      if (known?.status === wanted.status && known.message === wanted.message) return undefined;
      const lastTransitionTime = known?.status === wanted.status ? known.lastTransitionTime : timestamp(clock.now());
      const object = { apiVersion: "flowcontrol.apiserver.k8s.io/v1", kind: "FlowSchema", metadata: { name }, status: { conditions: [{ ...wanted, lastTransitionTime }] } };
      await unlessGone(client.patch(FLOW_SCHEMAS, { name, subresource: "status" }, { type: "apply", object, force: true }, { fieldManager: MANAGER }));
      return undefined;
    },
  };
}

function dangling(level: string, exists: boolean): Condition {
  const about = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
  return exists
    ? { type: "Dangling", status: "False", reason: "Found", message: `${about} and it exists` }
    : { type: "Dangling", status: "True", reason: "NotFound", message: `${about} but there is no such object` };
}
