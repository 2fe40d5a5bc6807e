/** AdmissionReview: what a webhook is asked and what its answer means (admission.k8s.io/v1). */
import type { AdmissionRequest } from "../../admission/admission.ts";
import { isObject } from "../../api/json.ts";
import type { Kind } from "../../api/kinds.ts";
import { ApiError, httpCodeOf, type StatusReason } from "../../api/status.ts";
import { convert } from "../matching/rules.ts";
import { UnreachableError } from "./endpoint.ts";

export interface Answer {
  readonly allowed: boolean;
  readonly operations: readonly unknown[] | undefined;
  readonly warnings: readonly string[];
  readonly status: { readonly [field: string]: unknown } | undefined;
}

export type ReviewVersion = "v1" | "v1beta1";

export async function reviewOf(request: AdmissionRequest, shown: Kind, version: ReviewVersion, uid: string): Promise<object> {
  const { kind: own, user, name, namespace, subresource, operation, object, old, dryRun, options } = request;
  const place = subresource === undefined ? {} : { subResource: subresource, requestSubResource: subresource };
  const { uid: userUid, extra } = user;
  return {
    kind: "AdmissionReview",
    apiVersion: `admission.k8s.io/${version}`,
    request: {
      uid,
      kind: kindOf(shown),
      resource: resourceOf(shown),
      requestKind: kindOf(own),
      requestResource: resourceOf(own),
      ...place,
      ...(name === "" ? {} : { name }),
      ...(namespace === undefined || namespace === "" ? {} : { namespace }),
      operation,
      userInfo: { username: user.name, ...(userUid === undefined ? {} : { uid: userUid }), groups: user.groups, ...(extra === undefined ? {} : { extra }) },
      object: object === undefined ? null : await convert(object, own, shown),
      oldObject: old === undefined ? null : await convert(old, own, shown),
      dryRun,
      options: options ?? { apiVersion: "meta.k8s.io/v1", kind: optionsKind[operation] },
    },
  };
}

const kindOf = ({ group, version, kind }: Kind) => ({ group, version, kind });
const resourceOf = ({ group, version, plural }: Kind) => ({ group, version, resource: plural });
const optionsKind = { CREATE: "CreateOptions", UPDATE: "UpdateOptions", DELETE: "DeleteOptions", CONNECT: "CreateOptions" } as const;

/** Warnings of one answer that are passed on, and the length of each (Kubernetes truncates at the same sizes). */
const WARNINGS_MAX = 64;
const WARNING_LENGTH_MAX = 256;

/** @throws UnreachableError for what is no answer to this review */
export function readAnswer(review: unknown, version: ReviewVersion, uid: string): Answer {
  const response = isObject(review) ? review["response"] : undefined;
  if (!isObject(review) || !isObject(response)) throw new UnreachableError("webhook response was absent");
  if (version === "v1") {
    if (review["kind"] !== "AdmissionReview" || review["apiVersion"] !== "admission.k8s.io/v1") {
      throw new UnreachableError(`expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${String(review["apiVersion"] ?? "")}, Kind=${String(review["kind"] ?? "")}`);
    }
    if (response["uid"] !== uid) throw new UnreachableError(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response["uid"] ?? "")}`);
  }
  const { allowed, patch, patchType, warnings, status } = response;
  return {
    allowed: allowed === true,
    operations: operationsOf(patch, patchType, version),
    warnings: Array.isArray(warnings) ? warnings.filter((each) => typeof each === "string").slice(0, WARNINGS_MAX).map((each) => each.slice(0, WARNING_LENGTH_MAX)) : [],
    status: isObject(status) ? status : undefined,
  };
}

function operationsOf(patch: unknown, type: unknown, version: ReviewVersion): readonly unknown[] | undefined {
  if (typeof patch !== "string" || patch === "") return undefined;
  if (type !== "JSONPatch" && (version === "v1" || type !== undefined)) throw new UnreachableError(`webhook returned response.patch but not response.patchType "JSONPatch"`);
  try {
    const operations: unknown = JSON.parse(Buffer.from(patch, "base64").toString());
    if (Array.isArray(operations)) return operations;
  } catch (error) {
    throw new UnreachableError(`couldn't decode the patch: ${error instanceof Error ? error.message : ""}`);
  }
  throw new UnreachableError("couldn't decode the patch: not a list of operations");
}

const isReason = (text: unknown): text is StatusReason => typeof text === "string" && Object.hasOwn(httpCodeOf, text);

/** The refusal of a webhook: its own status, with who refused put in front of the message. */
export function refusal(webhook: string, status: Answer["status"]): ApiError {
  const { message, reason, code, details } = status ?? {};
  const who = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const why = typeof message === "string" && message !== "" ? `: ${message}` : typeof reason === "string" && reason !== "" ? `: ${reason}` : " without explanation";
  return new ApiError(isReason(reason) ? reason : "BadRequest", who + why, {
    code: typeof code === "number" && code >= 400 ? code : 400,
    unnamed: !isReason(reason),
    ...(isObject(details) ? { details } : {}),
  });
}
