/**
 * Kinds and subresources that are created but not stored: bindings, evictions, tokens, reviews. Each is a handler that
 * answers one POST; this file asks what every write asks before it.
 */
import { writeOptionsShown } from "./admission-options.ts";
import type { WriteOptions } from "../api/client.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import type { Status } from "../api/status.ts";
import { ApiError } from "../api/status.ts";
import type { User } from "../api/user.ts";
import { authorize } from "./authorize.ts";
import type { Context } from "./context.ts";
import { ownWrite } from "./managed-fields/own.ts";
import { inNamespace } from "./metadata.ts";
import { withDefaults } from "./schema.ts";
import { formKind } from "./subresources/form-kind.ts";

export interface Creation {
  readonly context: Context;
  readonly user: User;
  /** of the resource in the path: pods for pods/binding */
  readonly kind: Kind;
  readonly namespace: string | undefined;
  /** undefined for kinds without objects of their own (reviews) */
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly object: AnyObject;
  readonly options: WriteOptions;
}

export type CreateHandler = (creation: Creation) => Promise<AnyObject | Status>;

/** By "plural" or "plural/subresource", with ".group" behind the plural where it has one. */
export type CreateHandlers = { readonly [path: string]: CreateHandler };

export function handlerPath({ group, plural }: Kind, subresource: string | undefined): string {
  const resource = group === "" ? plural : `${plural}.${group}`;
  return subresource === undefined ? resource : `${resource}/${subresource}`;
}

export async function createVirtual(handler: CreateHandler, creation: Creation): Promise<AnyObject | Status> {
  const { context, user, kind, namespace, name, subresource, options } = creation;
  await authorize(context, { user, verb: "create", kind, namespace, name, subresource });
  const object = given(creation);
  const request = {
    operation: "CREATE",
    user,
    kind,
    namespace,
    name: name ?? object.metadata.name ?? "",
    subresource,
    object,
    old: undefined,
    options: writeOptionsShown("CreateOptions", options),
    dryRun: options.dryRun === true,
    warn: options.warn ?? (() => {}),
  } as const;
  const admitted = await context.admission.mutate(request);
  await context.admission.validate({ ...request, object: admitted });
  return handler({ ...creation, object: admitted });
}

/** Reviews whose answer names who asked what; those of oneself are made anew. */
const TRACKED: ReadonlySet<string> = new Set(["bindings", "localsubjectaccessreviews", "selfsubjectaccessreviews", "subjectaccessreviews", "tokenreviews"]);

/** The types of what is posted to a subresource, by kind. */
const FORMS: { readonly [kind: string]: string } = {
  Binding: "io.k8s.api.core.v1.Binding",
  Eviction: "io.k8s.api.policy.v1.Eviction",
  TokenRequest: "io.k8s.api.authentication.v1.TokenRequest",
};

function given({ context, user, kind, namespace, subresource, object, options }: Creation): AnyObject {
  const form = formOf(kind, subresource);
  if (form === undefined) return object;
  const placed = withDefaults(form, inNamespace(kind, object, namespace));
  return ownWrite({ kind: form, user, options, object: placed, old: undefined, subresource, now: context.clock.now() });
}

function formOf(kind: Kind, subresource: string | undefined): Kind | undefined {
  if (subresource === undefined) return TRACKED.has(kind.plural) ? kind : undefined;
  const own = kind.subresources.find(({ name }) => name === subresource)?.kind;
  const model = own === undefined || !Object.hasOwn(FORMS, own.kind) ? undefined : FORMS[own.kind];
  return own === undefined || model === undefined ? undefined : formKind(own.group, own.version, model);
}

export function unsupportedCreate(): ApiError {
  return new ApiError("MethodNotAllowed", "the server does not allow this method on the requested resource");
}

/** The answer of handlers that have no object to show. */
export const created: Status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
