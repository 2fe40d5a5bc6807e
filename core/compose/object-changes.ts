/** How policies and webhooks change objects: by the registry's own apply and JSON patch, finished like any request body. */
import type { AnyObject } from "../api/meta.ts";
import { apiVersionOf } from "../api/meta.ts";
import { decodeValue } from "../api/schema/decode.ts";
import type { Changes } from "../extensions/policies/mutating.ts";
import { jsonPatch } from "../registry/json-patch.ts";
import { applyConfiguration } from "../registry/managed-fields/apply.ts";
import { joined, typedErrors } from "../registry/managed-fields/typed-errors.ts";
import { withDefaults } from "../registry/schema.ts";

export const objectChanges: Changes = {
  apply(kind, object, configuration) {
    const outcome = applyConfiguration({
      schema: kind.schema,
      live: object,
      applied: configuration,
      // nobody owns anything here: all that is named is set, nothing is removed
      owners: new Map(),
      entry: { manager: "admission", operation: "Apply", apiVersion: apiVersionOf(kind), fieldsType: "FieldsV1" },
      time: "1970-01-01T00:00:00Z",
      force: true,
      ownable: (set) => set,
    });
    return outcome.conflicts === undefined ? (outcome.object as AnyObject) : object;
  },
  typeErrors(kind, configuration) {
    const errors = typedErrors(kind.schema, configuration);
    return errors.length === 0 ? undefined : joined(errors);
  },
  patch: (object, operations) => jsonPatch(object, operations),
  finish(kind, object) {
    const { value } = decodeValue(kind.schema, object);
    return withDefaults(kind, { ...value, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: value["metadata"] ?? {} } as AnyObject);
  },
};
