/** Between authorization and storage: plugins may change an object (mutate), then may refuse it (validate). */
import type { AnyObject } from "../api/meta.ts";
import { parseApiVersion } from "../api/meta.ts";
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

/** What the object is: a subresource may have a kind of its own (a Scale of a Deployment). */
export function objectKind({ kind, subresource, operation, object }: AdmissionRequest): Pick<Kind, "group" | "version" | "kind"> {
  // the options of a connection are no kind of the table
  if (operation === "CONNECT" && object !== undefined) return { ...parseApiVersion(object.apiVersion ?? ""), kind: object.kind ?? "" };
  return kind.subresources.find(({ name }) => name === subresource)?.kind ?? kind;
}

/** Where the object is: a namespace is in itself. */
export function objectNamespace({ kind, namespace, name, object }: AdmissionRequest): string | undefined {
  if (kind.group !== "" || kind.plural !== "namespaces") return namespace;
  return name === "" ? object?.metadata.name : name;
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
