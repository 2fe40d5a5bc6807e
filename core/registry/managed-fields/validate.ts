/** What users may write into metadata.managedFields (KEP-555). */
import type { ManagedFieldsEntry } from "../../api/meta.ts";
import { quote } from "../../api/names.ts";
import type { FieldError } from "../../api/status.ts";

export const MANAGER_BYTES = 128;

/** Nearly all: looked at as a whole, because every write names its managers again. */
const PLAIN = /^[ -~]*$/;

/** What is wrong with the name of a field manager, found at `field`. */
export function checkManager(manager: string, field: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(manager) > MANAGER_BYTES) {
    errors.push({ type: "FieldValueTooLong", field, message: `Too long: may not be more than ${MANAGER_BYTES} bytes` });
  }
  if (PLAIN.test(manager)) return errors;
  let at = 0;
  for (const character of manager) {
    if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) {
      at += Buffer.byteLength(character);
      continue;
    }
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    errors.push({
      type: "FieldValueInvalid",
      field,
      message: `Invalid value: ${quote(manager)}: invalid character U+${code} (at position ${at})`,
    });
    break;
  }
  return errors;
}

export function validateManagedFields(entries: readonly ManagedFieldsEntry[]): readonly FieldError[] {
  const errors: FieldError[] = [];
  entries.forEach((entry, index) => {
    const at = `metadata.managedFields[${index}]`;
    if (entry.operation !== "Apply" && entry.operation !== "Update") {
      errors.push({
        type: "FieldValueInvalid",
        field: `${at}.operation`,
        message: `Invalid value: ${quote(entry.operation ?? "")}: must be \`Apply\` or \`Update\``,
      });
    }
    if (entry.fieldsType !== undefined && entry.fieldsType !== "FieldsV1") {
      errors.push({ type: "FieldValueInvalid", field: `${at}.fieldsType`, message: `Invalid value: ${quote(entry.fieldsType)}: must be \`FieldsV1\`` });
    }
    errors.push(...checkManager(entry.manager ?? "", `${at}.manager`));
    if (entry.subresource !== undefined && entry.subresource.length > 256) {
      errors.push({ type: "FieldValueTooLong", field: `${at}.subresource`, message: "Too long: may not be more than 256 bytes" });
    }
  });
  return errors;
}
