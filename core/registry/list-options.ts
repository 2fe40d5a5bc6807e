/** Which combinations of list and watch options mean something (KEP-2340, KEP-3157); the others are refused as 422. */
import type { ListOptions, WatchOptions } from "../api/client.ts";
import type { FieldError } from "../api/status.ts";
import { invalid } from "../api/status.ts";

const LIST_OPTIONS = { group: "meta.k8s.io", kind: "ListOptions" };
const MATCH = "resourceVersionMatch";

const forbiddenMatch = (why: string): FieldError => ({ type: "FieldValueForbidden", field: MATCH, message: `Forbidden: ${why}` });
const unsupportedMatch = (value: string, supported: readonly string[]): FieldError => ({
  type: "FieldValueNotSupported",
  field: MATCH,
  message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported.map((each) => JSON.stringify(each)).join(", ")}`,
});

/** @throws ApiError "Invalid" */
export function checkListOptions(options: ListOptions): void {
  const { resourceVersion = "", resourceVersionMatch: match } = options;
  const errors: FieldError[] = [];
  if (match !== undefined && `${match}` !== "") {
    if (resourceVersion === "") errors.push(forbiddenMatch(`${MATCH} is forbidden unless resourceVersion is provided`));
    if (options.continue !== undefined && options.continue !== "") {
      errors.push(forbiddenMatch(`${MATCH} is forbidden when continue is provided`));
    }
    if (match !== "Exact" && match !== "NotOlderThan") errors.push(unsupportedMatch(match, ["Exact", "NotOlderThan", ""]));
    if (match === "Exact" && resourceVersion === "0") {
      errors.push(forbiddenMatch(`${MATCH} "exact" is forbidden for resourceVersion "0"`));
    }
  }
  if (options.sendInitialEvents !== undefined) {
    errors.push({ type: "FieldValueForbidden", field: "sendInitialEvents", message: "Forbidden: sendInitialEvents is forbidden for list" });
  }
  if (errors.length > 0) throw invalid(LIST_OPTIONS, "", errors);
}

/** @throws ApiError "Invalid" */
export function checkWatchOptions({ resourceVersion = "", resourceVersionMatch: match, sendInitialEvents, continue: next = "" }: WatchOptions): void {
  // a watch from any version begins with what there is, as if it had asked for that (KEP-3157)
  const fromAny = match === undefined && sendInitialEvents === undefined && (resourceVersion === "" || resourceVersion === "0");
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== "NotOlderThan") errors.push(forbiddenMatch(`sendInitialEvents requires setting ${MATCH} to NotOlderThan`));
  if (match !== undefined && `${match}` !== "") {
    if (sendInitialEvents === undefined) errors.push(forbiddenMatch(`${MATCH} is forbidden for watch unless sendInitialEvents is provided`));
    if (match !== "NotOlderThan") errors.push(unsupportedMatch(match, ["NotOlderThan"]));
  }
  if (next !== "" && (fromAny || (match !== undefined && `${match}` !== ""))) errors.push(forbiddenMatch(`${MATCH} is forbidden when continue is provided`));
  if (errors.length > 0) throw invalid(LIST_OPTIONS, "", errors);
}
