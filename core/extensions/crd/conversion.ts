/**
 * Conversion of custom resources by webhook (apiextensions ConversionReview v1). What the webhook may change is what the
 * version says: identity and everything that the server owns of metadata stay as they were.
 */
import type { Lookup } from "../../admission/lookup.ts";
import type { Entropy } from "../../api/entropy.ts";
import { isObject } from "../../api/json.ts";
import type { Kind } from "../../api/kinds.ts";
import { type AnyObject, parseApiVersion } from "../../api/meta.ts";
import { ApiError } from "../../api/status.ts";
import type { CustomResourceDefinition } from "../../api/types.gen.ts";
import type { Connections } from "../webhooks/connections.ts";
import { endpointOf, UnreachableError } from "../webhooks/endpoint.ts";

/** What a webhook has for one call (apiextensions: 30 seconds). */
const TIMEOUT_SECONDS = 30;
/** Objects of one call: an answer stays below the size that is read. */
const OBJECTS_PER_CALL = 100;

export interface ConversionParts {
  readonly connections: Connections;
  readonly lookup: Lookup;
  readonly entropy: Pick<Entropy, "uid">;
}

/** Rows whose definition says so convert by webhook. */
export function withConversion(definition: CustomResourceDefinition, rows: readonly Kind[], parts: ConversionParts): readonly Kind[] {
  if (definition.spec.conversion?.strategy !== "Webhook") return rows;
  const convert = converter(definition, parts);
  return rows.map((row) => ({ ...row, hooks: { ...row.hooks, convert } }));
}

type Convert = NonNullable<Kind["hooks"]["convert"]>;

function converter({ spec }: CustomResourceDefinition, { connections, lookup, entropy }: ConversionParts): Convert {
  const { webhook } = spec.conversion ?? {};
  const version = webhook?.conversionReviewVersions.find((each) => each === "v1" || each === "v1beta1") ?? "v1";

  /** What went wrong, after the kind that was to be converted. */
  const failure = (from: string, what: string) => {
    const { group, version: of } = parseApiVersion(from);
    return new ApiError("InternalError", `conversion webhook for ${group}/${of}, Kind=${spec.names.kind} ${what}`, { unnamed: true });
  };

  async function call(objects: readonly AnyObject[], desired: string): Promise<readonly AnyObject[]> {
    const uid = entropy.uid();
    const from = objects[0]?.apiVersion ?? desired;
    const review = { kind: "ConversionReview", apiVersion: `apiextensions.k8s.io/${version}`, request: { uid, desiredAPIVersion: desired, objects } };
    let converted: readonly unknown[];
    try {
      const endpoint = await endpointOf(webhook?.clientConfig ?? {}, TIMEOUT_SECONDS, lookup);
      converted = convertedOf(await connections.post(endpoint, review, TIMEOUT_SECONDS * 1000), version, uid);
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      throw failure(from, `failed: ${error.message}`);
    }
    if (converted.length !== objects.length) throw failure(from, `returned ${converted.length} objects, expected ${objects.length}`);
    return objects.map((object, index) => {
      const made = checked(object, converted[index], desired);
      if (typeof made === "string") throw failure(from, made);
      return made;
    });
  }

  return async (objects, desired) => {
    const made: AnyObject[] = [];
    for (let at = 0; at < objects.length; at += OBJECTS_PER_CALL) made.push(...(await call(objects.slice(at, at + OBJECTS_PER_CALL), desired)));
    return made;
  };
}

/** @throws UnreachableError for what is no answer to this review; the older version is not checked as strictly */
function convertedOf(review: unknown, version: "v1" | "v1beta1", uid: string): readonly unknown[] {
  const said = isObject(review) ? review : {};
  const apiVersion = typeof said["apiVersion"] === "string" ? said["apiVersion"] : "";
  const kind = typeof said["kind"] === "string" ? said["kind"] : "";
  if (version === "v1" && (apiVersion !== "apiextensions.k8s.io/v1" || kind !== "ConversionReview")) {
    throw new UnreachableError(`expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got ${apiVersion.includes("/") ? apiVersion : `/${apiVersion}`}, Kind=${kind}`);
  }
  const response = said["response"];
  if (!isObject(response)) throw new UnreachableError("no response provided");
  if (version === "v1" && response["uid"] !== uid) throw new UnreachableError(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response["uid"] ?? "")}`);
  const { result, convertedObjects } = response;
  const { status = "", message = "" } = isObject(result) ? (result as { readonly status?: unknown; readonly message?: unknown }) : {};
  if (status !== "Success") throw new UnreachableError(typeof message === "string" && message !== "" ? message : `response.result.status was '${String(status)}', not 'Success'`);
  return Array.isArray(convertedObjects) ? convertedObjects : [];
}

/** All that a conversion may change in metadata. */
const convertible = ["labels", "annotations"];

/** The converted object, or what is wrong with it. */
function checked(object: AnyObject, converted: unknown, desired: string): AnyObject | string {
  if (!isObject(converted)) return "returned invalid object: it is no object";
  const groupVersion = converted["apiVersion"];
  if (groupVersion !== desired) return `returned invalid object at index 0: invalid groupVersion (expected ${desired}, received ${String(groupVersion ?? "")})`;
  if (converted["kind"] !== object.kind) return `returned invalid object at index 0: invalid kind (expected ${object.kind}, received ${String(converted["kind"] ?? "")})`;
  const metadata = isObject(converted["metadata"]) ? converted["metadata"] : {};
  const identity: readonly (readonly [what: string, was: unknown, is: unknown])[] = [
    ["name", object.metadata.name, metadata["name"]],
    ["namespace", object.metadata.namespace, metadata["namespace"]],
    ["UID", object.metadata.uid, metadata["uid"]],
  ];
  for (const [what, was, is] of identity) if ((was ?? "") !== (is ?? "")) return `returned invalid object: must have the same ${what}: ${String(was ?? "")} != ${String(is ?? "")}`;
  const kept = Object.entries(object.metadata).filter(([field]) => !convertible.includes(field));
  const changed = Object.entries(metadata).filter(([field]) => convertible.includes(field));
  return { ...converted, metadata: Object.fromEntries([...kept, ...changed]) } as AnyObject;
}
