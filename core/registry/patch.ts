/** PATCH: what the object becomes is computed from the stored one, so it can be tried again when another writer was faster. */
import type { Patch, Target, WriteOptions } from "../api/client.ts";
import { isObject } from "../api/json.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import { apiVersionOf } from "../api/meta.ts";
import { notRegistered } from "../api/schema/decode-body.ts";
import type { Decoded } from "../api/schema/decode.ts";
import { decodeMap, decodeValue } from "../api/schema/decode.ts";
import type { FieldType, ObjectType } from "../api/schema/schema.ts";
import { ApiError, badRequest, invalid } from "../api/status.ts";
import type { User } from "../api/user.ts";
import { apply } from "./apply.ts";
import { authorize } from "./authorize.ts";
import { change } from "./change.ts";
import type { Context } from "./context.ts";
import { checkSubresource } from "./get.ts";
import { goText } from "../api/go-text.ts";
import { jsonPatch, jsonType } from "./json-patch.ts";
import { mergePatch } from "./merge-patch.ts";
import { inNamespace } from "./metadata.ts";
import { withDefaults } from "./schema.ts";
import { strategicMerge } from "./strategic-merge/strategic-merge.ts";
import { mergeOf } from "./subresources/merge.ts";
import { changeScale, scaleKind } from "./subresources/change-scale.ts";
import { named } from "./update.ts";
import { checkWriteOptions } from "./write-options.ts";

export interface PatchRequest {
  readonly user: User;
  readonly kind: Kind;
  readonly target: Target;
  readonly patch: Patch;
  readonly options: WriteOptions;
}

/** A kind that a body can have: its name and its fields. */
type BodyKind = Pick<Kind, "group" | "version" | "kind" | "schema">;

export async function patch(context: Context, request: PatchRequest): Promise<{ readonly object: AnyObject; readonly created: boolean }> {
  const { user, kind, target, options } = request;
  const { namespace, name, subresource } = target;
  await authorize(context, { user, verb: "patch", kind, namespace, name, subresource });
  checkSubresource(kind, subresource);
  checkWriteOptions("PatchOptions", options);
  const how = request.patch;
  if (how.type === "apply") return apply(context, { user, kind, target, options, applied: how.object, force: how.force });
  if (subresource === "scale") return { object: await patchScale(context, request), created: false };
  const next = (old: AnyObject) => withDefaults(kind, named(target, inNamespace(kind, patched(kind, old, how, options), namespace)));
  const merge = subresource === undefined ? {} : { merge: mergeOf(kind, subresource) };
  return { object: await change(context, { user, kind, target, options, next, ...merge }), created: false };
}

async function patchScale(context: Context, { user, kind, target, patch: how, options }: PatchRequest): Promise<AnyObject> {
  const next = (scale: AnyObject) => named(target, patched(scaleKind(), scale, how, options));
  return changeScale(context, { user, kind, target, options, next });
}

/** The object as the patch makes it. A patch that cannot be read is refused here: whether there is an object was asked first. */
function patched(kind: BodyKind, old: AnyObject, how: Patch, options: WriteOptions): AnyObject {
  switch (how.type) {
    case "json":
      return decoded(kind, jsonPatch(old, how.operations), { ...options, problems: how.problems }, old);
    case "merge":
      if (how.patch !== null && !isObject(how.patch)) throw badRequest(`error decoding patch: ${notAnObject(how.patch)}`);
      return decoded(kind, how.patch === null ? {} : mergePatch(old, how.patch), { ...options, problems: how.problems }, old);
    case "strategic":
      return strategic(kind, old, how.patch, { ...options, problems: how.problems });
    case "unreadable":
      throw how.error;
    case "apply":
      throw new ApiError("UnsupportedMediaType", "apply is not supported for this subresource");
  }
}

/** Never becomes text on the way, so its errors show the patch as Go prints it, and what it says of its kind is not read. */
function strategic(kind: BodyKind, old: AnyObject, given: unknown, options: Strictness): AnyObject {
  if (kind.schema.custom === true) throw notStrategic();
  if (!isObject(given)) throw badRequest(notAnObject(given));
  const { object, rest } = strategicMerge(kind.schema, old, given);
  const unusable = (why: string) => notUsable(goText(rest), why);
  return checked(kind, decodeOr(() => decodeMap(kind.schema, object, old), unusable), options, unusable);
}

function notStrategic(): ApiError {
  return new ApiError(
    "UnsupportedMediaType",
    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
  );
}

const notAnObject = (value: unknown) => `json: cannot unmarshal ${jsonType(value)} into Go value of type map[string]interface {}`;

/** The patched value as an object of its kind again. @throws ApiError "Invalid" with the value, as Kubernetes shows it */
function decoded(kind: BodyKind, value: unknown, options: Strictness, old: AnyObject): AnyObject {
  const { apiVersion, kind: kindName } = value as { readonly apiVersion?: unknown; readonly kind?: unknown };
  const shown = () => inOrder(kind.schema, value, old, true);
  const unusable = (why: string) => notUsable(JSON.stringify(shown()), why);
  for (const [field, text] of [["apiVersion", apiVersion], ["kind", kindName]] as const) {
    if (typeof (text ?? "") === "string") continue;
    throw unusable(`couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonType(text)} into Go struct field .${field} of type string`);
  }
  // what says nothing is taken for the kind of the resource
  if ((apiVersion || apiVersionOf(kind)) !== apiVersionOf(kind) || (kindName || kind.kind) !== kind.kind) {
    throw unusable(notRegistered(kindName as string, apiVersion as string, kind.group));
  }
  const decode = () => {
    try {
      return decodeValue(kind.schema, value, old);
    } catch {
      // the first mistake is the first of the document that is shown
      return decodeValue(kind.schema, shown());
    }
  };
  return checked(kind, decodeOr(decode, unusable), options, unusable);
}

type Unusable = (why: string) => ApiError;
/** `problems` are those of the patch itself */
type Strictness = Pick<WriteOptions, "fieldValidation" | "warn"> & { readonly problems?: readonly string[] | undefined };

function checked(kind: BodyKind, { value, problems: unknown }: Decoded, { fieldValidation, warn, problems: before = [] }: Strictness, unusable: Unusable): AnyObject {
  const problems = [...before, ...unknown];
  if (problems.length > 0 && fieldValidation === "Strict") throw unusable(`strict decoding error: ${problems.join(", ")}`);
  if (fieldValidation !== "Ignore") for (const problem of problems) warn?.(problem);
  return { ...value, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: (value as Partial<AnyObject>).metadata ?? {} };
}

function decodeOr(decode: () => Decoded, unusable: Unusable): Decoded {
  try {
    return decode();
  } catch (error) {
    throw unusable(error instanceof Error ? error.message : String(error));
  }
}

function notUsable(shown: string, why: string): ApiError {
  return invalid({ group: "", kind: "" }, "", [{ type: "FieldValueInvalid", field: "patch", message: `Invalid value: ${JSON.stringify(shown)}: ${why}` }]);
}

/** With the members in the order of Kubernetes: what the patch went through is sorted, the rest is as the type declares it. */
function inOrder(schema: ObjectType | undefined, value: unknown, old: unknown, touched = value !== old): unknown {
  if (!isObject(value)) return Array.isArray(value) ? value.map((item: unknown) => inOrder(schema, item, item, touched)) : value;
  const sorted = touched || schema === undefined;
  const names = sorted ? Object.keys(value).toSorted() : [...schema.fields.keys()].filter((name) => Object.hasOwn(value, name));
  const before = isObject(old) ? old : {};
  return Object.fromEntries(names.map((name) => [name, inOrder(typeOf(schema?.fields.get(name)?.type), value[name], before[name])]));
}

function typeOf(type: FieldType | undefined): ObjectType | undefined {
  if (type?.kind === "list") return typeOf(type.items);
  return type?.kind === "object" ? type.type : undefined;
}
