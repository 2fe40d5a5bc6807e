/**
 * autoscaling/v1 Scale of anything that has spec.replicas: the one view through which autoscalers and kubectl scale see
 * workloads. Custom resources name their own paths (`ScalePaths`).
 */
import type { Kind } from "../../api/kinds.ts";
import type { AnyObject } from "../../api/meta.ts";
import type { LabelSelector } from "../../api/selector.ts";
import { formatSelector, selectorOf } from "../../api/selector.ts";
import { badRequest, invalid } from "../../api/status.ts";

interface Scaled {
  readonly spec?: { readonly replicas?: number; readonly selector?: LabelSelector | { readonly [key: string]: string } };
  readonly status?: { readonly replicas?: number };
}

export function scaleOf(kind: Kind, parent: AnyObject): AnyObject {
  const { spec, status } = parent as AnyObject & Scaled;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = parent.metadata;
  const selector = selectorText(kind, spec?.selector);
  const replicas = spec?.replicas ?? 0;
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: status?.replicas ?? 0, ...(selector === "" ? {} : { selector }) },
  } as AnyObject;
}

/** The parent with the replicas that a Scale asks for. @throws ApiError "BadRequest", "Invalid" */
export function withScale(parent: AnyObject, scale: AnyObject): AnyObject {
  const { replicas = 0 } = ((scale as { spec?: { replicas?: number } }).spec ?? {}) as { replicas?: number };
  if (scale.kind !== "Scale") throw badRequest(`expected input object type to be Scale, but got ${scale.kind}`);
  if (replicas < 0) {
    throw invalid({ group: "autoscaling", kind: "Scale" }, parent.metadata.name ?? "", [
      { type: "FieldValueInvalid", field: "spec.replicas", message: `Invalid value: ${replicas}: must be greater than or equal to 0` },
    ]);
  }
  const { resourceVersion, uid } = scale.metadata;
  const { spec } = parent as AnyObject & Scaled;
  return {
    ...parent,
    metadata: {
      ...parent.metadata,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(uid === undefined ? {} : { uid }),
    },
    spec: { ...spec, replicas },
  };
}

function selectorText(kind: Kind, selector: LabelSelector | { readonly [key: string]: string } | undefined): string {
  if (selector === undefined) return "";
  // ReplicationControllers have a plain map.
  const plain = kind.group === "" ? { matchLabels: selector as { readonly [key: string]: string } } : (selector as LabelSelector);
  return formatSelector(selectorOf(plain));
}
