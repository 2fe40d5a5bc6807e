/** AdmissionReview: what a webhook is asked and what its answer means (admission.k8s.io/v1). */
import { objectKind, objectNamespace } from "../../admission/admission.ts";
import type { AdmissionRequest } from "../../admission/admission.ts";
import { isObject } from "../../api/json.ts";
import type { Kind } from "../../api/kinds.ts";
import { parseJson } from "../../api/schema/parse-json.ts";
import { ApiError, httpCodeOf, type StatusReason } from "../../api/status.ts";
import { convert } from "../matching/rules.ts";
import { UnreachableError } from "./endpoint.ts";

export interface Answer {
  readonly allowed: boolean;
  /** what shall change; @throws UnreachableError for what is no patch */
  readonly operations: () => readonly unknown[];
  readonly warnings: readonly string[];
  readonly status: { readonly [field: string]: unknown } | undefined;
}

export type ReviewVersion = "v1" | "v1beta1";

export async function reviewOf(request: AdmissionRequest, shown: Kind, version: ReviewVersion, uid: string): Promise<object> {
  const { kind: own, user, name, subresource, operation, object, old, dryRun, options } = request;
  const namespace = objectNamespace(request);
  const place = subresource === undefined ? {} : { subResource: subresource, requestSubResource: subresource };
  const { uid: userUid, extra } = user;
  return {
    kind: "AdmissionReview",
    apiVersion: `admission.k8s.io/${version}`,
    request: {
      uid,
      kind: kindOf(objectKind({ ...request, kind: shown })),
      resource: resourceOf(shown),
      requestKind: kindOf(objectKind(request)),
      requestResource: resourceOf(own),
      ...place,
      ...(name === "" ? {} : { name }),
      ...(namespace === undefined || namespace === "" ? {} : { namespace }),
      operation,
      userInfo: { username: user.name, ...(userUid === undefined ? {} : { uid: userUid }), groups: user.groups, ...(extra === undefined ? {} : { extra }) },
      object: object === undefined ? null : await convert(object, own, shown),
      oldObject: old === undefined ? null : await convert(old, own, shown),
      dryRun,
      options: options ?? null,
    },
  };
}

const kindOf = ({ group, version, kind }: Pick<Kind, "group" | "version" | "kind">) => ({ group, version, kind });
const resourceOf = ({ group, version, plural }: Kind) => ({ group, version, resource: plural });

/** What a webhook answered is not what was asked for. */
const invalid = (why: string) => new UnreachableError(`received invalid webhook response: ${why}`);
const uncalled = (why: string) => new UnreachableError(`failed to call webhook: ${why}`);

interface Exchange {
  readonly version: ReviewVersion;
  readonly uid: string;
  /** only these may change the object */
  readonly mutating: boolean;
}

/** @throws UnreachableError for what is no answer to this review */
export function readAnswer(review: unknown, exchange: Exchange): Answer {
  const { version, uid, mutating } = exchange;
  const typed = isObject(review) ? review : {};
  const said = { apiVersion: textOf(typed["apiVersion"]), kind: textOf(typed["kind"]) };
  // what says nothing of itself is taken for what is expected, and found wrong below
  if (said.kind !== "" && !(said.kind === "AdmissionReview" && READABLE.has(said.apiVersion))) throw uncalled(notRegistered(said));
  const response = typed["response"];
  if (!isObject(response)) throw invalid("webhook response was absent");
  const { allowed, patch, patchType, warnings, status } = response;
  const bytes = patchBytes(patch);
  if (version === "v1") checkV1(said, response["uid"], uid);
  if (version === "v1") checkPatch({ bytes, patchType }, mutating);
  return {
    allowed: allowed === true,
    operations: () => (mutating ? operationsOf(bytes, version === "v1" ? patchType : "JSONPatch") : []),
    warnings: Array.isArray(warnings) ? warnings.filter((each) => typeof each === "string") : [],
    status: isObject(status) ? status : undefined,
  };
}

const READABLE: ReadonlySet<string> = new Set(["admission.k8s.io/v1", "admission.k8s.io/v1beta1"]);

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

interface Said {
  readonly apiVersion: string;
  readonly kind: string;
}

function notRegistered({ apiVersion, kind }: Said): string {
  return `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "k8s.io/apiserver/pkg/admission/plugin/webhook/generic/webhook.go:93"`;
}

function checkV1({ apiVersion, kind }: Said, answered: unknown, uid: string): void {
  if (answered !== uid) throw invalid(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(answered ?? "")}`);
  if (apiVersion === "admission.k8s.io/v1" && kind === "AdmissionReview") return;
  throw invalid(`expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${apiVersion.includes("/") ? apiVersion : `/${apiVersion}`}, Kind=${kind}`);
}

function checkPatch({ bytes, patchType }: { readonly bytes: Buffer; readonly patchType: unknown }, mutating: boolean): void {
  const typed = patchType !== undefined && patchType !== null;
  if (!mutating) {
    if (bytes.length > 0) throw invalid("validating webhook may not return response.patch");
    if (typed) throw invalid("validating webhook may not return response.patchType");
    return;
  }
  if (bytes.length > 0 && !typed) throw invalid("webhook returned response.patch but not response.patchType");
  if (bytes.length === 0 && typed) throw invalid("webhook returned response.patchType but not response.patch");
  if (patchType === "") throw invalid('webhook returned invalid response.patchType of ""');
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function patchBytes(patch: unknown): Buffer {
  if (typeof patch !== "string") return Buffer.alloc(0);
  if (!BASE64.test(patch)) throw uncalled(`illegal base64 data at input byte ${Math.max(0, patch.search(/[^A-Za-z0-9+/]/))}`);
  return Buffer.from(patch, "base64");
}

function operationsOf(bytes: Buffer, type: unknown): readonly unknown[] {
  if (bytes.length === 0) return [];
  let operations: unknown;
  try {
    ({ value: operations } = parseJson(bytes.toString(), { duplicates: false }));
  } catch (error) {
    throw undecodable(error instanceof Error ? error.message : "");
  }
  if (operations !== null && !Array.isArray(operations)) throw undecodable(`json: cannot unmarshal ${isObject(operations) ? "object" : typeof operations} into Go value of type jsonpatch.Patch`);
  const all: readonly unknown[] = operations ?? [];
  if (all.length > 0 && type !== "JSONPatch") throw new UnreachableError(`unsupported patch type ${JSON.stringify(type)}`);
  return all;
}

const undecodable = (why: string) => new UnreachableError(`received undecodable patch in webhook response: ${why}`);

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
