/** What drivers of storage say about themselves: CSIDriver, CSINode, CSIStorageCapacity. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { dns1123Subdomain, qualifiedName } from "../names.ts";
import { validateLabelSelector } from "../selector.ts";
import type { CSIDriver, CSIDriverSpec, CSINode, CSINodeDriver, CSIStorageCapacity, StorageV1TokenRequest } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapField, without } from "./fill.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { type Errors, check, duplicate, invalid, isEmpty, notSupported, required } from "./validate/errors.ts";
import { notNegative } from "./validate/numbers.ts";
import { amountNotNegative } from "./validate/quantity-rules.ts";
import { same } from "./validate/same.ts";
import { csiDriverName } from "./validate/volume-sources.ts";

const driver = columnsOf<CSIDriver>();
const node = columnsOf<CSINode>();
const LIFECYCLES = ["Persistent", "Ephemeral"];
const GROUP_POLICIES = ["File", "None", "ReadWriteOnceWithFSType"];
const NODE_ID_LENGTH = 256;
const TOKEN_SECONDS = { least: 600, most: 2 ** 32 };
const LEAST_UPDATE_SECONDS = 10;

const driverDefaults = {
  attachRequired: true,
  podInfoOnMount: false,
  storageCapacity: false,
  fsGroupPolicy: "ReadWriteOnceWithFSType",
  volumeLifecycleModes: ["Persistent"],
  requiresRepublish: false,
  seLinuxMount: false,
};

export const csiDriverHooks: KindHooks = {
  generation: "late",
  setDefaults: (object) => mapField(object as unknown as CSIDriver, "spec", (spec) => fill((spec.volumeLifecycleModes ?? [""]).length === 0 ? { ...spec, volumeLifecycleModes: ["Persistent"] } : spec, driverDefaults)) as unknown as AnyObject,
  prepareForCreate: withoutDisabled,
  prepareForUpdate: withoutDisabled,
  validate: checking<CSIDriver>((errors, { spec }) => validateDriver(errors, spec)),
  validateUpdate: checkingUpdate<CSIDriver>((errors, { spec }, old) => {
    validateDriver(errors, spec);
    // this name, as in Kubernetes
    immutable(errors, "spec.attachedRequired", spec.attachRequired, old.spec.attachRequired);
    immutable(errors, "spec.volumeLifecycleModes", spec.volumeLifecycleModes, old.spec.volumeLifecycleModes);
  }),
  warnings: (object, old) => tokenWarnings((object as unknown as CSIDriver).spec, (old as unknown as CSIDriver | undefined)?.spec),
  columns: [
    nameColumn,
    driver("AttachRequired", ({ spec }) => spec.attachRequired ?? true, { type: "boolean" }),
    driver("PodInfoOnMount", ({ spec }) => spec.podInfoOnMount ?? false, { type: "boolean" }),
    driver("StorageCapacity", ({ spec }) => spec.storageCapacity ?? false, { type: "boolean" }),
    driver("TokenRequests", ({ spec }) => (spec.tokenRequests ?? []).map(({ audience }) => audience).join(",") || "<unset>"),
    driver("RequiresRepublish", ({ spec }) => spec.requiresRepublish ?? false, { type: "boolean" }),
    driver("Modes", ({ spec }) => (spec.volumeLifecycleModes ?? []).join(",") || "<none>"),
    ageColumn,
  ],
};

/** KEP-5030, not switched on */
function withoutDisabled(object: AnyObject): AnyObject {
  return mapField(object as unknown as CSIDriver, "spec", (spec) => (spec.preventPodSchedulingIfMissing === undefined ? spec : without(spec, "preventPodSchedulingIfMissing"))) as unknown as AnyObject;
}

function tokenWarnings({ tokenRequests = [], serviceAccountTokenInSecrets }: CSIDriverSpec, old: CSIDriverSpec | undefined): readonly string[] {
  if (tokenRequests.length === 0 || serviceAccountTokenInSecrets !== undefined || (old !== undefined && same(tokenRequests, old.tokenRequests))) return [];
  return ["spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes"];
}

function validateDriver(errors: Errors, spec: CSIDriverSpec): void {
  const { fsGroupPolicy, tokenRequests = [], volumeLifecycleModes = [], nodeAllocatableUpdatePeriodSeconds: period } = spec;
  for (const field of ["attachRequired", "podInfoOnMount", "storageCapacity"] as const) if (spec[field] === undefined) required(errors, `spec.${field}`);
  if (fsGroupPolicy === undefined) required(errors, "spec.fsGroupPolicy");
  else if (!GROUP_POLICIES.includes(fsGroupPolicy)) notSupported(errors, "spec.fsGroupPolicy", fsGroupPolicy, GROUP_POLICIES);
  const audiences = new Set<string>();
  tokenRequests.forEach((request, index) => {
    tokenRequest(errors, `spec.tokenRequests[${index}]`, request, audiences);
  });
  for (const mode of volumeLifecycleModes) if (!LIFECYCLES.includes(mode)) notSupported(errors, "spec.volumeLifecycleModes", mode, LIFECYCLES);
  if (spec.serviceAccountTokenInSecrets !== undefined && tokenRequests.length === 0) {
    invalid(errors, "spec.serviceAccountTokenInSecrets", spec.serviceAccountTokenInSecrets, "serviceAccountTokenInSecrets is set but no tokenRequests are specified");
  }
  if (spec.seLinuxMount === undefined) required(errors, "spec.seLinuxMount");
  if (period !== undefined && period < LEAST_UPDATE_SECONDS) invalid(errors, "spec.nodeAllocatableUpdatePeriodSeconds", period, `must be greater than or equal to ${LEAST_UPDATE_SECONDS} seconds`);
}

function tokenRequest(errors: Errors, at: string, { audience = "", expirationSeconds }: StorageV1TokenRequest, audiences: Set<string>): void {
  if (audiences.has(audience)) return duplicate(errors, `${at}.audience`, audience);
  audiences.add(audience);
  if (expirationSeconds === undefined) return;
  if (expirationSeconds < TOKEN_SECONDS.least) invalid(errors, `${at}.expirationSeconds`, expirationSeconds, "may not specify a duration less than 10 minutes");
  if (expirationSeconds > TOKEN_SECONDS.most) invalid(errors, `${at}.expirationSeconds`, expirationSeconds, "may not specify a duration larger than 2^32 seconds");
}

export const csiNodeHooks: KindHooks = {
  generation: "none",
  validate: checking<CSINode>((errors, { spec }) => drivers(errors, spec.drivers ?? [])),
  validateUpdate: checkingUpdate<CSINode>((errors, { spec }, old) => {
    drivers(errors, spec.drivers ?? []);
    for (const before of old.spec.drivers ?? []) {
      const now = (spec.drivers ?? []).find(({ name }) => name === before.name);
      if (now !== undefined && !same({ ...now, allocatable: undefined }, { ...before, allocatable: undefined })) {
        invalid(errors, "spec.drivers", shownDriver(now), "field is immutable");
      }
    }
  }),
  columns: [nameColumn, node("Drivers", ({ spec }) => (spec.drivers ?? []).length, { type: "integer" }), ageColumn],
};

/** As Kubernetes shows it. */
const shownDriver = ({ name, nodeID, topologyKeys }: CSINodeDriver) => ({ Name: name, NodeID: nodeID ?? "", TopologyKeys: topologyKeys ?? null, Allocatable: null });

function drivers(errors: Errors, list: readonly CSINodeDriver[]): void {
  const names = new Set<string>();
  list.forEach((one, index) => {
    const at = `spec.drivers[${index}]`;
    nodeDriver(errors, at, one);
    if (names.has(one.name)) duplicate(errors, `${at}.name`, one.name);
    names.add(one.name);
  });
}

function nodeDriver(errors: Errors, at: string, { name, nodeID = "", allocatable, topologyKeys }: CSINodeDriver): void {
  csiDriverName(errors, `${at}.name`, name);
  if (nodeID === "") required(errors, `${at}.nodeID`);
  if (nodeID.length > NODE_ID_LENGTH) invalid(errors, `${at}.nodeID`, nodeID, `must be ${NODE_ID_LENGTH} characters or less`);
  notNegative(errors, `${at}.allocatable.count`, allocatable?.count);
  const seen = new Set<string>();
  for (const key of topologyKeys ?? []) {
    if (isEmpty(key)) required(errors, at);
    if (seen.has(key)) duplicate(errors, at, key);
    seen.add(key);
    check(errors, at, key, qualifiedName);
  }
}

export const csiStorageCapacityHooks: KindHooks = {
  generation: "none",
  validate: checking<CSIStorageCapacity>(capacity),
  validateUpdate: checkingUpdate<CSIStorageCapacity>((errors, object, old) => {
    capacity(errors, object);
    // an empty topology is every node, none is no node
    const [next, before] = [object.nodeTopology, old.nodeTopology];
    if ((next === undefined) === (before === undefined)) immutable(errors, "nodeTopology", next, before);
    else invalid(errors, "nodeTopology", next ?? null, "field is immutable");
    immutable(errors, "storageClassName", object.storageClassName, old.storageClassName);
  }),
};

function capacity(errors: Errors, { storageClassName = "", nodeTopology, capacity: amount }: CSIStorageCapacity): void {
  if (nodeTopology !== undefined) errors.push(...validateLabelSelector(nodeTopology, "nodeTopology"));
  check(errors, "storageClassName", storageClassName, dns1123Subdomain);
  if (amount !== undefined) amountNotNegative(errors, "capacity", amount);
}
