/** Taints and what pods tolerate of them. */
import { labelValue, qualifiedName } from "../../names.ts";
import type { Toleration } from "../../types.gen.ts";
import { type Errors, check, invalid, notSupported, oneOf } from "./errors.ts";

export const TAINT_EFFECTS: readonly string[] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

export function validateTolerations(errors: Errors, path: string, tolerations: readonly Toleration[] | undefined): void {
  tolerations?.forEach((toleration, index) => {
    const at = `${path}[${index}]`;
    const { key = "", operator = "" as string, value = "", effect = "" as string, tolerationSeconds } = toleration;
    if (key !== "") check(errors, `${at}.key`, key, qualifiedName);
    else if (operator !== "Exists") invalid(errors, `${at}.operator`, operator, 'operator must be Exists when `key` is empty, which means "match all values and all keys"');
    if (tolerationSeconds !== undefined && effect !== "NoExecute") invalid(errors, `${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
    if (operator === "Equal" || operator === "") {
      const wrong = labelValue(value);
      if (wrong.length > 0) invalid(errors, `${at}.operator`, value, wrong.join(";"));
    } else if (operator === "Exists") {
      if (value !== "") invalid(errors, `${at}.operator`, value, "value must be empty when `operator` is 'Exists'");
    } else {
      // KEP-5471: known, but not switched on
      const known = operator === "Lt" || operator === "Gt" ? ["Equal", "Exists", "Lt", "Gt"] : ["Equal", "Exists"];
      notSupported(errors, `${at}.operator`, operator, known);
    }
    if (effect !== "") oneOf(errors, `${at}.effect`, effect, TAINT_EFFECTS);
  });
}
