/** Counts in the status of workloads: none below zero, none above what it is a part of. */
import { type Errors, invalid } from "./errors.ts";
import { notNegative } from "./numbers.ts";

type Counts = { readonly [field: string]: unknown };

const countOf = (status: Counts, field: string) => (status[field] as number | undefined) ?? 0;

export function validateCounts(errors: Errors, status: object | undefined, fields: readonly string[]): void {
  const counts = (status ?? {}) as Counts;
  for (const field of fields) notNegative(errors, `status.${field}`, countOf(counts, field));
}

/** `parts` are not more than `whole`; `whole` as the message calls it. */
export function validateParts(errors: Errors, status: object | undefined, parts: readonly string[], whole: string, called: string): void {
  const counts = (status ?? {}) as Counts;
  for (const field of parts) {
    const count = countOf(counts, field);
    if (count > countOf(counts, whole)) invalid(errors, `status.${field}`, count, `cannot be greater than ${called}`);
  }
}

export function notDecremented(errors: Errors, field: string, next: number | undefined, old: number | undefined): void {
  if (old !== undefined && (next === undefined || next < old)) invalid(errors, `status.${field}`, next ?? 0, "cannot be decremented");
}
