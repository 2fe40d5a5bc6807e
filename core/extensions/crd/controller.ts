/**
 * Looks after definitions: accepts their names, establishes them, and removes the instances of one that goes. One worker,
 * because names are given to one definition at a time.
 */
import type { Client, Resource } from "../../api/client.ts";
import { type Clock, timestamp } from "../../api/clock.ts";
import { sameJson } from "../../api/json.ts";
import { CUSTOM_RESOURCE_DEFINITIONS } from "../../api/resources.gen.ts";
import { isReason } from "../../api/status.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from "../../api/types.gen.ts";
import type { Controller, Informer, Outcome } from "../../control/control.ts";
import { watching } from "../../control/loop.ts";
import { CLEANUP_FINALIZER, isEstablished } from "./definition.ts";
import { acceptNames, claimsOf } from "./names.ts";

/** Instances that wait for finalizers are asked after again this often. */
const CLEANUP_POLL_MS = 1_000;

/** The name that clients know: in Kubernetes the API server does this itself. */
const WRITTEN_BY = { fieldManager: "kube-apiserver" };

type Condition = Omit<CustomResourceDefinitionCondition, "lastTransitionTime">;
type Status = NonNullable<CustomResourceDefinition["status"]>;

export interface DefinitionControllerParts {
  readonly client: Client;
  readonly definitions: Informer<CustomResourceDefinition>;
  readonly clock: Clock;
}

export function definitionController({ client, definitions, clock }: DefinitionControllerParts): Controller {
  async function reconcile(key: string): Promise<Outcome> {
    const definition = definitions.get(key);
    if (definition === undefined) return undefined;
    if (definition.metadata.deletionTimestamp !== undefined) return await cleanUp(definition);
    const others = definitions.list().filter((each) => each !== definition && each.spec.group === definition.spec.group);
    await writeStatus(definition, nextStatus(definition, others, clock.now()));
    return undefined;
  }

  async function writeStatus(definition: CustomResourceDefinition, status: Status): Promise<void> {
    if (sameJson(status, definition.status)) return;
    await client.update(CUSTOM_RESOURCE_DEFINITIONS, { name: nameOf(definition), subresource: "status" }, { ...definition, status }, WRITTEN_BY);
  }

  async function cleanUp(definition: CustomResourceDefinition): Promise<Outcome> {
    const { finalizers = [] } = definition.metadata;
    if (!finalizers.includes(CLEANUP_FINALIZER)) return undefined;
    const left = isEstablished(definition) ? await removeInstances(definition) : 0;
    if (left > 0) {
      await writeStatus(definition, withCondition(definition.status, terminating("InstanceDeletionInProgress", "CustomResource deletion is in progress"), clock.now()));
      return { afterMs: CLEANUP_POLL_MS };
    }
    const metadata = { ...definition.metadata, finalizers: finalizers.filter((finalizer) => finalizer !== CLEANUP_FINALIZER) };
    await client.update(CUSTOM_RESOURCE_DEFINITIONS, { name: nameOf(definition) }, { ...definition, metadata }, WRITTEN_BY);
    return undefined;
  }

  /** How many are still there. */
  async function removeInstances({ spec, status }: CustomResourceDefinition): Promise<number> {
    const version = spec.versions.find(({ served }) => served)?.name;
    if (version === undefined) return 0;
    const resource: Resource = { group: spec.group, version, plural: status?.acceptedNames?.plural ?? spec.names.plural };
    try {
      const { items } = await client.list(resource);
      for (const { metadata } of items) {
        if (metadata.deletionTimestamp === undefined) await client.delete(resource, { namespace: metadata.namespace, name: metadata.name ?? "" }).catch(ignoreMissing);
      }
      return items.length === 0 ? 0 : (await client.list(resource)).items.length;
    } catch (error) {
      ignoreMissing(error);
      return 0;
    }
  }

  return {
    name: "customresourcedefinition-controller",
    // a name that becomes free is for whoever waits for it
    watches: [watching(definitions, (changed) => [nameOf(changed), ...definitions.list().filter(({ spec }) => spec.group === changed.spec.group).map(nameOf)])],
    reconcile,
    workers: 1,
  };
}

const nameOf = ({ metadata }: CustomResourceDefinition) => metadata.name ?? "";

function ignoreMissing(error: unknown): void {
  if (!isReason(error, "NotFound")) throw error;
}

const terminating = (reason: string, message: string): Condition => ({ type: "Terminating", status: "True", reason, message });

/** Pure: what the status of a definition becomes. */
export function nextStatus(definition: CustomResourceDefinition, others: readonly CustomResourceDefinition[], now: number): Status {
  const { spec, status } = definition;
  const { names, accepted } = acceptNames(spec.names, status?.acceptedNames, claimsOf(others));
  const named = withCondition({ ...status, acceptedNames: names }, accepted, now);
  if (isEstablished(definition)) return named;
  const established: Condition =
    accepted.status === "True"
      ? { type: "Established", status: "True", reason: "InitialNamesAccepted", message: "the initial names have been accepted" }
      : { type: "Established", status: "False", reason: "NotAccepted", message: "not all names are accepted" };
  return withCondition(named, established, now);
}

function withCondition(status: Status | undefined, condition: Condition, now: number): Status {
  const conditions = status?.conditions ?? [];
  const before = conditions.find(({ type }) => type === condition.type);
  const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : timestamp(now);
  const after = { lastTransitionTime, ...condition } as CustomResourceDefinitionCondition;
  return { ...status, conditions: before === undefined ? [...conditions, after] : conditions.map((each) => (each === before ? after : each)) };
}
