/** Writes status.typeChecking of validating policies, once for each generation. */
import type { Client } from "../../api/client.ts";
import type { KindTable } from "../../api/kinds.ts";
import type { AnyObject } from "../../api/meta.ts";
import { VALIDATING_ADMISSION_POLICIES } from "../../api/resources.gen.ts";
import type { Controller, Informers } from "../../control/control.ts";
import { watching } from "../../control/loop.ts";
import { typeWarnings } from "./type-check.ts";

/** The name that clients know. */
const MANAGER = "validatingadmissionpolicy-status";

export interface TypeCheckParts {
  readonly client: Client;
  readonly informers: Informers;
  readonly kinds: KindTable;
}

export function typeCheckController({ client, informers, kinds }: TypeCheckParts): Controller {
  const policies = informers.of(VALIDATING_ADMISSION_POLICIES);
  return {
    name: "validatingadmissionpolicy-status-controller",
    watches: [watching(policies, ({ metadata }) => [metadata.name ?? ""])],
    async reconcile(name) {
      const policy = policies.get(name);
      const observedGeneration = policy?.metadata.generation ?? 1;
      if (policy === undefined || policy.status?.observedGeneration === observedGeneration) return undefined;
      const expressionWarnings = typeWarnings(policy, kinds);
      const typeChecking = expressionWarnings.length === 0 ? {} : { expressionWarnings };
      const { apiVersion, kind } = policy;
      const object = { apiVersion, kind, metadata: { name }, status: { observedGeneration, typeChecking } } as AnyObject;
      await client.patch(VALIDATING_ADMISSION_POLICIES, { name, subresource: "status" }, { type: "apply", object, force: true }, { fieldManager: MANAGER });
      return undefined;
    },
  };
}
