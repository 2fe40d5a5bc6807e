/** POST serviceaccounts/<name>/token (KEP-1205): a token for a while, for audiences, dying with the object it is bound to. */
import { timestamp } from "../../api/clock.ts";
import type { KubeObject } from "../../api/meta.ts";
import { apiVersionOf } from "../../api/meta.ts";
import { NODES, PODS, SECRETS } from "../../api/resources.gen.ts";
import { badRequest, conflict, invalid, notFound } from "../../api/status.ts";
import type { Pod, TokenRequest, TokenRequestSpec } from "../../api/types.gen.ts";
import type { BoundKind, ServiceAccountTokens } from "../../auth/authn/service-account.ts";
import { current } from "../get.ts";
import { lookupOf } from "../lookup.ts";
import type { CreateHandler, Creation } from "../virtual.ts";

const DEFAULT_SECONDS = 3_600;
const LEAST_SECONDS = 600;
const MOST_SECONDS = 2 ** 32;
const BOUND = { Pod: PODS, Secret: SECRETS, Node: NODES } as const;

export function issueToken({ issuer, issue }: Pick<ServiceAccountTokens, "issuer" | "issue">): CreateHandler {
  return async (creation) => {
    const { context, kind, namespace = "", name = "", object } = creation;
    const { managedFields } = object.metadata;
    const request = object as unknown as TokenRequest;
    const account = context.codec(kind).decode(current(context, kind, { namespace, name }));
    const spec = checked(request.spec ?? {});
    const bound = boundTo(creation, spec);
    const uid = account.metadata.uid ?? "";
    const { token, expires } = await issue({
      namespace,
      serviceAccount: { name, uid },
      audiences: spec.audiences ?? undefined,
      ttlSeconds: spec.expirationSeconds,
      boundTo: bound === undefined ? undefined : { kind: bound.kind, name: bound.object.metadata.name ?? "", uid: bound.object.metadata.uid ?? "" },
      node: bound === undefined ? undefined : nodeOf(creation, bound.object),
    });
    return {
      kind: "TokenRequest",
      apiVersion: apiVersionOf({ group: "authentication.k8s.io", version: "v1" }),
      metadata: { name, namespace, uid, creationTimestamp: timestamp(context.clock.now()), ...(managedFields === undefined ? {} : { managedFields }) },
      spec: {
        audiences: spec.audiences === undefined || spec.audiences === null || spec.audiences.length === 0 ? [issuer] : spec.audiences,
        expirationSeconds: spec.expirationSeconds,
        boundObjectRef: spec.boundObjectRef ?? null,
      },
      status: { token, expirationTimestamp: timestamp(expires) },
    };
  };
}

function checked(spec: TokenRequestSpec): TokenRequestSpec & { readonly expirationSeconds: number } {
  // Decoding writes 0 for what is absent, as Go's encoder does.
  const expirationSeconds = (spec.expirationSeconds ?? 0) === 0 ? DEFAULT_SECONDS : (spec.expirationSeconds ?? DEFAULT_SECONDS);
  const wrong =
    expirationSeconds < LEAST_SECONDS
      ? "may not specify a duration less than 10 minutes"
      : expirationSeconds > MOST_SECONDS
        ? "may not specify a duration larger than 2^32 seconds"
        : undefined;
  if (wrong !== undefined) {
    const error = { type: "FieldValueInvalid", field: "spec.expirationSeconds", message: `Invalid value: ${expirationSeconds}: ${wrong}` } as const;
    throw invalid({ group: "authentication.k8s.io", kind: "TokenRequest" }, "", [error]);
  }
  return { ...spec, expirationSeconds };
}

function boundTo({ context, namespace }: Creation, { boundObjectRef }: TokenRequestSpec): { readonly kind: BoundKind; readonly object: KubeObject } | undefined {
  if ((boundObjectRef ?? null) === null || boundObjectRef === undefined) return undefined;
  const { kind = "", apiVersion = "", name = "", uid = "" } = boundObjectRef;
  if (apiVersion !== "v1" || !isBound(kind)) {
    const slash = apiVersion.includes("/") ? apiVersion : `/${apiVersion}`;
    throw badRequest(`cannot bind token to object of type ${slash}, Kind=${kind}`);
  }
  const resource = BOUND[kind];
  const object = lookupOf(context).get<KubeObject>(resource, kind === "Node" ? undefined : namespace, name);
  if (object === undefined) throw notFound(resource, name);
  if (uid !== "" && uid !== object.metadata.uid) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict({ group: "", plural: kind }, name, why);
  }
  return { kind, object };
}

const isBound = (kind: string): kind is BoundKind => Object.hasOwn(BOUND, kind);

/** A pod's token tells its node, too (KEP-4193). */
function nodeOf({ context }: Creation, object: KubeObject): { readonly name: string; readonly uid: string } | undefined {
  const { nodeName = "" } = (object as Pod).spec ?? {};
  if (nodeName === "") return undefined;
  return { name: nodeName, uid: lookupOf(context).get(NODES, undefined, nodeName)?.metadata.uid ?? "" };
}
