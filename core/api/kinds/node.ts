/** Nodes: defaults, rules, columns and selectors. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { Node, NodeSpec } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { mapField, without } from "./fill.ts";
import { change, checking, checkingUpdate } from "./hook-types.ts";
import { joined } from "./singular-and-list.ts";
import { validateNode, validateNodeChange } from "./validate/node.ts";

const column = columnsOf<Node>();
/** Marks Nodes that belong to a device of this server's. */
export const DEVICE_ANNOTATION = "lichen.dev/device";
/** Set by lichen's agents on boards that a firmware profile describes. */
const BOARD_LABEL = "lichen.dev/board";
const ROLE_LABEL = "node-role.kubernetes.io/";

export const nodeHooks: KindHooks = {
  // capacity is what a device has; what it can give is the same until it says less
  setDefaults: change<Node>((given) => {
    const node = mapField(given, "spec", withRanges);
    return node.status?.capacity === undefined || node.status.allocatable !== undefined ? node : { ...node, status: { ...node.status, allocatable: node.status.capacity } };
  }),
  prepareForCreate: (object) => withoutConfig(object),
  prepareForUpdate: (object, old) => ({ ...withoutConfig(object), ...(old.status === undefined ? {} : { status: old.status }) }),
  warnings: (object) => ((object as unknown as Node).spec?.externalID === undefined ? [] : ["spec.externalID: this field is deprecated, and is unused by Kubernetes"]),
  validate: checking(validateNode),
  validateUpdate: checkingUpdate((errors, next: Node, old: Node) => {
    validateNode(errors, next);
    validateNodeChange(errors, next, old);
  }),
  mergeSubresource: { status: (update, old) => mergedStatus(withoutConfig(update), old) },
  validateSubresource: { status: checkingUpdate(validateNodeChange) },
  selectableFields: { "spec.unschedulable": (object) => String((object as unknown as Node).spec?.unschedulable ?? false) },
  columns: [
    nameColumn,
    column("Status", statusText),
    column("Roles", roles),
    ageColumn,
    column("Version", (node) => node.status?.nodeInfo?.kubeletVersion ?? ""),
    column("Internal-IP", (node) => address(node, "InternalIP"), { wide: true }),
    column("External-IP", (node) => address(node, "ExternalIP"), { wide: true }),
    column("OS-Image", (node) => known(node.status?.nodeInfo?.osImage), { wide: true }),
    column("Kernel-Version", (node) => known(node.status?.nodeInfo?.kernelVersion), { wide: true }),
    column("Container-Runtime", (node) => known(node.status?.nodeInfo?.containerRuntimeVersion), { wide: true }),
    { ...column("Arch", (node) => known(node.status?.nodeInfo?.architecture), { wide: true }), shownFor: isDevice },
    { ...column("Board", (node) => node.metadata.labels?.[BOARD_LABEL] ?? "generic", { wide: true }), shownFor: isDevice },
  ],
};

function withRanges(spec: NodeSpec): NodeSpec {
  if (spec.podCIDR === undefined && spec.podCIDRs === undefined) return spec;
  if (spec.podCIDR !== undefined && spec.podCIDR === spec.podCIDRs?.[0]) return spec;
  const { one, many } = joined(spec.podCIDR, spec.podCIDRs, (range) => range, (range) => range);
  return { ...spec, ...(one === undefined ? {} : { podCIDR: one }), ...(many === undefined ? {} : { podCIDRs: many }) };
}

/** Dynamic configuration of kubelets was removed in Kubernetes 1.24; its fields are left. */
function withoutConfig(object: AnyObject): AnyObject {
  const node = mapField(object as unknown as Node, "spec", (spec) => without(spec, "configSource"));
  return mapField(node, "status", (status) => without(status, "config")) as unknown as AnyObject;
}

/** Labels and annotations may change with a status, owners may not. */
function mergedStatus({ metadata, status }: AnyObject, old: AnyObject): AnyObject {
  const { ownerReferences } = old.metadata;
  const kept = { ...without(metadata, "ownerReferences"), ...(ownerReferences === undefined ? {} : { ownerReferences }) };
  return { ...without(old, "status"), metadata: kept, ...(status === undefined ? {} : { status }) };
}

function isDevice({ metadata }: AnyObject): boolean {
  return metadata.annotations?.[DEVICE_ANNOTATION] !== undefined;
}

function statusText(node: Node): string {
  const ready = node.status?.conditions?.find((condition) => condition.type === "Ready");
  const text = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return node.spec?.unschedulable === true ? `${text},SchedulingDisabled` : text;
}

function roles({ metadata }: Node): string {
  const names = Object.entries(metadata.labels ?? {}).flatMap(([label, value]) => {
    if (label.startsWith(ROLE_LABEL)) return [label.slice(ROLE_LABEL.length)];
    return label === "kubernetes.io/role" && value !== "" ? [value] : [];
  });
  return names.length === 0 ? "<none>" : names.toSorted().join(",");
}

const address = (node: Node, type: string) => node.status?.addresses?.find((one) => one.type === type)?.address ?? "<none>";
const known = (text: string | undefined) => (text === undefined || text === "" ? "<unknown>" : text);
