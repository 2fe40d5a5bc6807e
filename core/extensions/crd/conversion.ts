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

  async function call(objects: readonly AnyObject[], desiredAPIVersion: string): Promise<readonly AnyObject[]> {
    const uid = entropy.uid();
    const review = { kind: "ConversionReview", apiVersion: `apiextensions.k8s.io/${version}`, request: { uid, desiredAPIVersion, objects } };
    const endpoint = await endpointOf(webhook?.clientConfig ?? {}, TIMEOUT_SECONDS, lookup);
    return convertedOf(await connections.post(endpoint, review, TIMEOUT_SECONDS * 1000), uid, objects, desiredAPIVersion);
  }

  return async (objects, desired) => {
    const made: AnyObject[] = [];
    try {
      for (let at = 0; at < objects.length; at += OBJECTS_PER_CALL) made.push(...(await call(objects.slice(at, at + OBJECTS_PER_CALL), desired)));
      return made;
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      const from = objects[0]?.apiVersion ?? desired;
      throw new ApiError("InternalError", `conversion webhook for ${parseApiVersion(from).group}/${parseApiVersion(from).version}, Kind=${spec.names.kind} failed: ${error.message}`, { unnamed: true });
    }
  };
}

function convertedOf(review: unknown, uid: string, objects: readonly AnyObject[], desired: string): readonly AnyObject[] {
  const response = isObject(review) ? review["response"] : undefined;
  if (!isObject(response)) throw new UnreachableError("no response provided");
  if (response["uid"] !== uid) throw new UnreachableError(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response["uid"] ?? "")}`);
  const { result, convertedObjects } = response;
  if (!isObject(result) || result["status"] !== "Success") {
    throw new UnreachableError(isObject(result) && typeof result["message"] === "string" ? result["message"] : "the webhook did not convert");
  }
  if (!Array.isArray(convertedObjects) || convertedObjects.length !== objects.length) {
    throw new UnreachableError(`expected ${objects.length} converted objects, got ${Array.isArray(convertedObjects) ? convertedObjects.length : 0}`);
  }
  return objects.map((object, index) => checked(object, convertedObjects[index], desired));
}

/** All that a conversion may change in metadata. */
const convertible = ["labels", "annotations"];

function checked(object: AnyObject, converted: unknown, desired: string): AnyObject {
  if (!isObject(converted) || converted["apiVersion"] !== desired || converted["kind"] !== object.kind) {
    throw new UnreachableError(`expected a ${object.kind} of ${desired}`);
  }
  const metadata = isObject(converted["metadata"]) ? converted["metadata"] : {};
  const { name, namespace, uid } = object.metadata;
  if (metadata["name"] !== name || metadata["namespace"] !== namespace || metadata["uid"] !== uid) throw new UnreachableError("the webhook must not change name, namespace or uid");
  const kept = Object.entries(object.metadata).filter(([field]) => !convertible.includes(field));
  const changed = Object.entries(metadata).filter(([field]) => convertible.includes(field));
  return { ...converted, metadata: Object.fromEntries([...kept, ...changed]) } as AnyObject;
}
