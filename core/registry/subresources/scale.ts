/**
 * autoscaling/v1 Scale of anything that has spec.replicas: the one view through which autoscalers and kubectl scale see
 * workloads. Custom resources name their own paths (`ScalePaths`).
 */
import { isObject } from "../../api/json.ts";
import type { Kind, ScalePaths } from "../../api/kinds.ts";
import type { AnyObject } from "../../api/meta.ts";
import type { LabelSelector } from "../../api/selector.ts";
import { formatSelector } from "../../api/selector.ts";
import { ApiError, badRequest, invalid } from "../../api/status.ts";

interface Scaled {
  readonly spec?: { readonly replicas?: number; readonly selector?: LabelSelector | { readonly [key: string]: string } };
  readonly status?: { readonly replicas?: number };
}

export function scaleOf(kind: Kind, parent: AnyObject): AnyObject {
  if (kind.hooks.scale !== undefined) return customScale(kind.hooks.scale, parent);
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
export function withScale(kind: Kind, parent: AnyObject, scale: AnyObject): AnyObject {
  const { replicas = 0 } = ((scale as { spec?: { replicas?: number } }).spec ?? {}) as { replicas?: number };
  if (scale.kind !== "Scale") throw badRequest(`expected input object type to be Scale, but got ${scale.kind}`);
  if (replicas < 0) {
    throw invalid({ group: "autoscaling", kind: "Scale" }, parent.metadata.name ?? "", [
      { type: "FieldValueInvalid", field: "spec.replicas", message: `Invalid value: ${replicas}: must be greater than or equal to 0` },
    ]);
  }
  const { resourceVersion, uid } = scale.metadata;
  const metadata = {
    ...parent.metadata,
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(uid === undefined ? {} : { uid }),
  };
  return { ...(withField(parent, kind.hooks.scale?.specReplicas ?? ["spec", "replicas"], replicas) as AnyObject), metadata };
}

/** A custom resource says where its numbers are; without the wanted one it cannot be scaled. */
function customScale(paths: ScalePaths, parent: AnyObject): AnyObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = parent.metadata;
  const wanted = fieldOf(parent, paths.specReplicas);
  if (typeof wanted !== "number") {
    const why = `the spec replicas field ${JSON.stringify(`.${paths.specReplicas.join(".")}`)} does not exist`;
    throw new ApiError("InternalError", `Internal error occurred: ${why}`, { details: { causes: [{ message: why }] } });
  }
  const current = fieldOf(parent, paths.statusReplicas);
  const selector = paths.selector === undefined ? undefined : fieldOf(parent, paths.selector);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: wanted === 0 ? {} : { replicas: wanted },
    status: { replicas: typeof current === "number" ? current : 0, ...(typeof selector === "string" && selector !== "" ? { selector } : {}) },
  } as AnyObject;
}

function fieldOf(object: unknown, path: readonly string[]): unknown {
  return path.reduce((at, name) => (isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined), object);
}

function withField(object: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value;
  const at = isObject(object) ? object : {};
  return { ...at, [name]: withField(at[name], rest, value) };
}

function selectorText(kind: Kind, selector: LabelSelector | { readonly [key: string]: string } | undefined): string {
  if (selector === undefined) return "";
  // ReplicationControllers have a plain map.
  const plain = kind.group === "" ? { matchLabels: selector as { readonly [key: string]: string } } : (selector as LabelSelector);
  return formatSelector(plain);
}
