/** Maps of labels outside metadata: node selectors, template labels. */
import { labelValue, qualifiedName } from "../../names.ts";
import type { LabelSelector } from "../../types.gen.ts";
import { type Errors, check, invalid, sortedEntries, sortedMap, tooLong } from "./errors.ts";

/** Bytes of all annotations of one object or template. */
const ANNOTATIONS_BYTES = 262_144;

export function validateLabels(errors: Errors, path: string, labels: { readonly [key: string]: string } | undefined): void {
  if (labels === undefined || labels === null) return;
  for (const [key, value] of sortedEntries(labels)) {
    check(errors, path, key, qualifiedName);
    check(errors, path, value, labelValue);
  }
}

export function validateAnnotations(errors: Errors, path: string, annotations: { readonly [key: string]: string } | undefined): void {
  if (annotations === undefined || annotations === null) return;
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    for (const wrong of qualifiedName(key.toLowerCase())) invalid(errors, path, key, wrong);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > ANNOTATIONS_BYTES) tooLong(errors, path, ANNOTATIONS_BYTES);
}

/** A selector as messages show it: the fields in the order of the type, keys in order. */
export function shownSelector({ matchLabels, matchExpressions = [] }: LabelSelector): object {
  return {
    ...(matchLabels === undefined || Object.keys(matchLabels).length === 0 ? {} : { matchLabels: sortedMap(matchLabels) }),
    ...(matchExpressions.length === 0
      ? {}
      : { matchExpressions: matchExpressions.map(({ key, operator, values = [] }) => ({ key, operator, ...(values.length === 0 ? {} : { values }) })) }),
  };
}

export const selectsNothingInParticular = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean =>
  Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0;

