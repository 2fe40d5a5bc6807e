/** The options that all writes share; a mistake in them is answered as 422 on the options kind. */
import type { WriteOptions } from "../api/client.ts";
import { invalid } from "../api/status.ts";
import { checkManager } from "./managed-fields/validate.ts";

/** @throws ApiError "Invalid" */
export function checkWriteOptions(kind: "CreateOptions" | "UpdateOptions" | "PatchOptions", { fieldManager }: WriteOptions): void {
  if (fieldManager === undefined || fieldManager === "") return;
  const errors = checkManager(fieldManager, "fieldManager");
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", kind }, "", errors);
}
