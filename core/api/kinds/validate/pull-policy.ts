/** When a node asks the registry for an image. */
import { type Errors, isEmpty, notSupported, required } from "./errors.ts";

const POLICIES = ["Always", "IfNotPresent", "Never"];

export function validatePullPolicy(errors: Errors, path: string, policy: string | undefined): void {
  if (isEmpty(policy)) required(errors, path);
  else if (!POLICIES.includes(policy ?? "")) notSupported(errors, path, policy, POLICIES);
}
