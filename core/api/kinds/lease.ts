/** Leases: who holds something, and for how long. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { Lease } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { mapField, without } from "./fill.ts";
import { checking, checkingUpdate } from "./hook-types.ts";
import { type Errors, invalid } from "./validate/errors.ts";

const column = columnsOf<Lease>();

export const leaseHooks: KindHooks = {
  prepareForCreate: withoutElection,
  prepareForUpdate: withoutElection,
  validate: checking(validateLease),
  validateUpdate: checkingUpdate((errors, next: Lease) => validateLease(errors, next)),
  columns: [nameColumn, column("Holder", ({ spec }) => spec?.holderIdentity ?? ""), ageColumn],
};

/** Who shall be elected is decided by others (KEP-4355, off by default in Kubernetes). */
function withoutElection(object: AnyObject): AnyObject {
  return mapField(object as unknown as Lease, "spec", (spec) => without(spec, "strategy", "preferredHolder")) as unknown as AnyObject;
}

function validateLease(errors: Errors, { spec }: Lease): void {
  const { leaseDurationSeconds: seconds, leaseTransitions: transitions } = spec ?? {};
  if (seconds !== undefined && seconds <= 0) invalid(errors, "spec.leaseDurationSeconds", seconds, "must be greater than 0");
  if (transitions !== undefined && transitions < 0) invalid(errors, "spec.leaseTransitions", transitions, "must be greater than or equal to 0");
}
