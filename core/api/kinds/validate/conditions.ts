/** Conditions of a status (API conventions, "Typical status properties"), for the kinds that check them. */
import { qualifiedName } from "../../names.ts";
import type { Condition } from "../../types.gen.ts";
import { type Errors, check, duplicate, invalid, isEmpty, notSupported, required, tooLong } from "./errors.ts";

const STATUSES = ["False", "True", "Unknown"];
const REASON = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const REASON_BYTES = 1024;
const MESSAGE_BYTES = 32 * 1024;
const wrongReason =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'" +
  " (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";

export function validateConditions(errors: Errors, path: string, conditions: readonly Condition[] | undefined): void {
  const seen = new Set<string>();
  conditions?.forEach((condition, index) => {
    const { type = "" } = condition;
    if (seen.has(type)) duplicate(errors, `${path}[${index}].type`, type);
    seen.add(type);
    validateCondition(errors, `${path}[${index}]`, condition);
  });
}

function validateCondition(errors: Errors, at: string, { type = "", status = "" as "True", observedGeneration = 0, lastTransitionTime, reason, message = "" }: Condition): void {
  check(errors, `${at}.type`, type, qualifiedName);
  if (!STATUSES.includes(status)) notSupported(errors, `${at}.status`, status, STATUSES);
  if (observedGeneration < 0) invalid(errors, `${at}.observedGeneration`, observedGeneration, "must be greater than or equal to zero");
  if (isEmpty(lastTransitionTime)) required(errors, `${at}.lastTransitionTime`);
  if (isEmpty(reason)) required(errors, `${at}.reason`);
  else if (!REASON.test(reason)) invalid(errors, `${at}.reason`, reason, wrongReason);
  if (Buffer.byteLength(reason ?? "") > REASON_BYTES) tooLong(errors, `${at}.reason`, REASON_BYTES);
  if (Buffer.byteLength(message) > MESSAGE_BYTES) tooLong(errors, `${at}.message`, MESSAGE_BYTES);
}
