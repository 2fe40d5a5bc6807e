/** A rule and a version as error messages show them: structures of Go, with their Go field names. */
import type { CustomResourceDefinitionVersion, ValidationRule } from "../../api/types.gen.ts";

export function shownRule({ rule, message = "", messageExpression = "", reason, fieldPath = "", optionalOldSelf }: ValidationRule): object {
  return {
    Rule: rule,
    Message: message,
    MessageExpression: messageExpression,
    Reason: reason ?? null,
    FieldPath: fieldPath,
    OptionalOldSelf: optionalOldSelf ?? null,
  };
}

/** What all versions have alike is not shown with each. */
export function shownVersion({ name, served, storage, deprecated = false, deprecationWarning }: CustomResourceDefinitionVersion): object {
  return {
    Name: name,
    Served: served,
    Storage: storage,
    Deprecated: deprecated,
    DeprecationWarning: deprecationWarning ?? null,
    Schema: null,
    Subresources: null,
    AdditionalPrinterColumns: null,
    SelectableFields: null,
  };
}
