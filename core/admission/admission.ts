/** Between authorization and storage: plugins may change an object (mutate), then may refuse it (validate). */
import type { AnyObject } from "../api/meta.ts";
import type { Kind } from "../api/kinds.ts";
import type { User } from "../api/user.ts";

export interface AdmissionRequest {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly user: User;
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly subresource: string | undefined;
  /** undefined for DELETE */
  readonly object: AnyObject | undefined;
  /** undefined for CREATE and CONNECT */
  readonly old: AnyObject | undefined;
  readonly options: AnyObject | undefined;
  readonly dryRun: boolean;
  readonly warn: (text: string) => void;
}

export interface AdmissionPlugin {
  readonly name: string;
  /** a cheap filter, so that the chain asks only those concerned */
  readonly handles: (request: AdmissionRequest) => boolean;
  /** the changed object; throws ApiError to refuse */
  readonly mutate?: (request: AdmissionRequest & { readonly object: AnyObject }) => Promise<AnyObject>;
  /** throws ApiError (Forbidden, Invalid) to refuse */
  readonly validate?: (request: AdmissionRequest) => Promise<void>;
}
