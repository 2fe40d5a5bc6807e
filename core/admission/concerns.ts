/** The usual filter of a plugin: operations on one resource, not on its subresources unless named. */
import type { AdmissionRequest } from "./admission.ts";

export interface Concern {
  readonly group: string;
  readonly plural: string;
  readonly operations: readonly AdmissionRequest["operation"][];
  /** default: the object itself */
  readonly subresource?: string;
}

export function concerns({ group, plural, operations, subresource }: Concern): (request: AdmissionRequest) => boolean {
  return (request) =>
    request.kind.plural === plural &&
    request.kind.group === group &&
    request.subresource === subresource &&
    operations.includes(request.operation);
}
