/** Leases: who holds something, and for how long. */
import type { KindHooks } from "../kinds.ts";
import type { Lease } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { checking, checkingUpdate } from "./hook-types.ts";
import { type Errors, forbidden, invalid, oneOf } from "./validate/errors.ts";

const column = columnsOf<Lease>();

export const leaseHooks: KindHooks = {
  validate: checking(validateLease),
  validateUpdate: checkingUpdate((errors, next: Lease) => validateLease(errors, next)),
  columns: [nameColumn, column("Holder", ({ spec }) => spec?.holderIdentity ?? ""), ageColumn],
};

function validateLease(errors: Errors, { spec }: Lease): void {
  const { leaseDurationSeconds: seconds, leaseTransitions: transitions, strategy, preferredHolder } = spec ?? {};
  if (seconds !== undefined && seconds <= 0) invalid(errors, "spec.leaseDurationSeconds", seconds, "must be greater than 0");
  if (transitions !== undefined && transitions < 0) invalid(errors, "spec.leaseTransitions", transitions, "must be greater than or equal to 0");
  if (strategy !== undefined) oneOf(errors, "spec.strategy", strategy, ["OldestEmulationVersion"]);
  if (preferredHolder !== undefined && preferredHolder !== "" && strategy === undefined) forbidden(errors, "spec.preferredHolder", "can only be specified when `strategy` is set");
}
