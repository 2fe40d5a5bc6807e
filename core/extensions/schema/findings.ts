/** What a schema says of a value, in the words of Kubernetes (kube-openapi validate, turned into field errors by apiextensions). */
import { shown } from "../../api/kinds/validate/errors.ts";
import type { FieldError } from "../../api/status.ts";

export interface Findings {
  readonly errors: readonly FieldError[];
  /** checks that were made: the alternative of oneOf and anyOf with the most of them is shown as the intended one */
  readonly made: number;
}

export const none: Findings = { errors: [], made: 0 };

/** undefined: the rule is not about such values */
export type Rule = (value: unknown, path: string, old: unknown) => Findings | undefined;

export function merge(all: readonly (Findings | undefined)[]): Findings {
  const made = all.filter((one) => one !== undefined);
  return { errors: made.flatMap(({ errors }) => errors), made: made.reduce((sum, one) => sum + one.made + 1, 0) };
}

export const found = (errors: readonly FieldError[]): Findings => ({ errors, made: 0 });
export const ok = found([]);

// ---- field errors

export const within = (path: string) => (path === "" ? "<nil>" : path);
export const bodyName = (path: string) => `${path} in body`;

export function invalid(path: string, value: unknown, text: string): FieldError {
  return { type: "FieldValueInvalid", field: within(path), message: `Invalid value: ${shownValue(value)}: ${text}` };
}

/** Findings that are about alternatives carry their place in the text only. */
export function unplaced(text: string): FieldError {
  return { type: "FieldValueInvalid", field: "<nil>", message: `Invalid value: "": ${text}` };
}

export function shownValue(value: unknown): string {
  return shown(value);
}
