/**
 * An object as a device gets it: without what a device has no use for, and with a resourceVersion that is a digest of
 * what is left. A pod changes in the store each time its own device reports; the device's view of it does not, so its
 * word is not sent back to it, and a reconnecting device is sent exactly what differs from what it has.
 */
import { createHash } from "node:crypto";
import type { Resource } from "../api/client.ts";
import type { AnyObject, KubeObject } from "../api/meta.ts";
import { apiVersionOf } from "../api/meta.ts";
import { ENDPOINT_SLICES, NODES, PODS } from "../api/resources.gen.ts";
import type { EndpointSlice, PodStatus } from "../api/types.gen.ts";
import { canonical } from "./canonical.ts";
import { DEVICE_CONDITIONS } from "./pod-status.ts";

export interface DeviceView {
  readonly object: AnyObject;
  readonly version: string;
  /** of its JSON, an estimate of what it costs to send */
  readonly bytes: number;
}

/** A copy of the whole object that kubectl keeps in it; pods keep theirs, it is visible in their files. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** 72 bits: versions are compared for one object only */
const DIGEST_BYTES = 9;

/** Views by the object they were made from; objects are immutable. */
const views = new WeakMap<KubeObject, DeviceView>();

export function deviceView(resource: Resource<KubeObject>, object: KubeObject): DeviceView {
  const known = views.get(object);
  if (known !== undefined) return known;
  const { status, ...rest } = object as AnyObject;
  const kept: AnyObject = {
    ...rest,
    // lists leave them out
    apiVersion: apiVersionOf(resource),
    ...statusFor(resource, status),
    ...endpointsFor(resource, object),
    metadata: { ...without(object.metadata, "managedFields", "resourceVersion", "annotations"), ...annotationsFor(resource, object.metadata.annotations) },
  };
  const text = canonical(kept);
  const version = createHash("sha256").update(text).digest().subarray(0, DIGEST_BYTES).toString("base64url");
  const view = { object: { ...kept, metadata: { ...kept.metadata, resourceVersion: version } }, version, bytes: text.length };
  views.set(object, view);
  return view;
}

/**
 * A pod that is over stays over, also on a device that has lost its memory of it; conditions of others open and close its
 * readiness gates. Of other statuses only claims' matter.
 */
function statusFor({ plural }: Resource<KubeObject>, status: unknown): { readonly status?: unknown } {
  if (typeof status !== "object" || status === null || plural === NODES.plural) return {};
  if (plural !== PODS.plural) return { status };
  const { phase, reason, message, conditions = [] } = status as PodStatus;
  const others = conditions.filter(({ type }) => !DEVICE_CONDITIONS.has(type)).map(({ type, status: value }) => ({ type, status: value }));
  const kept = {
    ...(phase === "Succeeded" || phase === "Failed" ? { phase, ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) } : {}),
    ...(others.length === 0 ? {} : { conditions: others }),
  };
  return Object.keys(kept).length === 0 ? {} : { status: kept };
}

/** Which pod an endpoint is tells a device nothing; where it is does. */
function endpointsFor({ plural }: Resource<KubeObject>, object: KubeObject): { readonly endpoints?: unknown } {
  if (plural !== ENDPOINT_SLICES.plural) return {};
  const { endpoints } = object as EndpointSlice;
  return { endpoints: (endpoints ?? []).map(({ addresses, conditions, hostname, nodeName }) => ({ addresses, ...(conditions === undefined ? {} : { conditions }), ...(hostname === undefined ? {} : { hostname }), ...(nodeName === undefined ? {} : { nodeName }) })) };
}

function annotationsFor(resource: Resource<KubeObject>, annotations: { readonly [key: string]: string } | undefined): { readonly annotations?: { readonly [key: string]: string } } {
  if (annotations === undefined) return {};
  if (resource.plural === PODS.plural) return { annotations };
  const others = without(annotations, LAST_APPLIED);
  return Object.keys(others).length === 0 ? {} : { annotations: others };
}

function without<T extends object>(from: T, ...names: readonly (keyof T)[]): T {
  const kept = { ...from };
  for (const name of names) delete kept[name];
  return kept;
}
