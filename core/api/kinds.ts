/**
 * Kinds are data: one row per resource and version. Routes, discovery, OpenAPI, Tables, storage keys, decoding and
 * validation are read from here; a kind's own behaviour is a set of optional hooks in `kinds/<kind>.ts`.
 */
import type { AnyObject } from "./meta.ts";
import type { ObjectType } from "./schema/schema.ts";
import type { FieldError } from "./status.ts";
import type { User } from "./user.ts";

export type Verb = "create" | "get" | "list" | "watch" | "update" | "patch" | "delete" | "deletecollection";

export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  readonly subresources: readonly Subresource[];
  readonly schema: ObjectType;
  /** version whose JSON is stored; all versions of one resource share their objects */
  readonly storageVersion: string;
  /** group under whose keys the objects are stored, where it is not the row's own (events.k8s.io) */
  readonly storageGroup?: string;
  readonly hooks: KindHooks;
}

export interface Subresource {
  /** "status", "scale", "binding", "log", … */
  readonly name: string;
  readonly verbs: readonly (Verb | "connect")[];
  /** the kind of the body when it differs from the parent's ({autoscaling, v1, Scale}) */
  readonly kind?: { readonly group: string; readonly version: string; readonly kind: string };
}

/** Who writes, and when: what strategies note in objects (the requester of a certificate, the time of a phase). */
export interface Writer {
  readonly user: User;
  /** milliseconds */
  readonly now: number;
}

/** Behaviour beyond the schema. All are pure: object in, object or errors out; time and randomness come in the context. */
export interface KindHooks {
  /** defaults that the schema table cannot say (they depend on other fields); runs on create, update and on read of old objects */
  readonly setDefaults?: (object: AnyObject) => AnyObject;
  /** before validation: drop what users may not set (status), allocate nothing */
  readonly prepareForCreate?: (object: AnyObject, by: Writer) => AnyObject;
  /** `old` as stored; keep status on a spec update, … */
  readonly prepareForUpdate?: (object: AnyObject, old: AnyObject, by: Writer) => AnyObject;
  readonly validate?: (object: AnyObject) => readonly FieldError[];
  readonly validateUpdate?: (object: AnyObject, old: AnyObject) => readonly FieldError[];
  /** instead of validateUpdate for a write through a subresource */
  readonly validateSubresource?: { readonly [subresource: string]: (object: AnyObject, old: AnyObject) => readonly FieldError[] };
  /** update of a subresource: what of `update` is taken over into `old` (default for status: the status field) */
  readonly mergeSubresource?: { readonly [subresource: string]: (update: AnyObject, old: AnyObject, by: Writer) => AnyObject };
  /** seconds that a deletion waits for the node; undefined: deleted at once */
  readonly gracePeriod?: (object: AnyObject, asked: number | undefined) => number | undefined;
  /** metadata.generation counts changes outside metadata and status; "all": also those of status; "late": from the first change on; "once": never more than the birth */
  readonly generation?: "spec" | "all" | "late" | "once" | "none";
  readonly columns?: readonly Column[];
  /** what a table says about a whole row ("Completed") */
  readonly rowConditions?: (object: AnyObject) => readonly RowCondition[];
  /** field selectors besides metadata.name and metadata.namespace: path → value as text */
  readonly selectableFields?: { readonly [path: string]: (object: AnyObject) => string };
  /** to and from the stored version, where this row is not it */
  readonly toStored?: (object: AnyObject) => AnyObject;
  readonly fromStored?: (object: AnyObject) => AnyObject;
  /**
   * Conversion that has to be waited for (webhooks): objects of this resource to `apiVersion`, in the same order. The codec
   * asks before it decodes or encodes, so that toStored and fromStored are not needed.
   */
  readonly convert?: (objects: readonly AnyObject[], apiVersion: string) => Promise<readonly AnyObject[]>;
  /** what a stored object becomes when it is read, where its schema may have changed since (custom resources) */
  readonly read?: (stored: AnyObject) => AnyObject;
  /** finalizers that a deletion puts on the object, for somebody who has to clean up after it */
  readonly deletionFinalizers?: readonly string[];
  /** where a Scale finds its numbers, when not in spec.replicas and status.replicas */
  readonly scale?: ScalePaths;
  /** the row stands for what another server serves: nothing of it is in the store */
  readonly elsewhere?: boolean;
  /** text of the warning that every request gets */
  readonly deprecation?: string;
  /** warnings for the user (deprecated fields); `old` on an update of the object itself */
  readonly warnings?: (object: AnyObject, old?: AnyObject) => readonly string[];
  /** names other than DNS-1123 subdomains: "label" (namespaces), "path" (RBAC), "any" (the kind's own rules say more) */
  readonly nameRule?: "subdomain" | "label" | "dns1035" | "path" | "any";
}

/** Paths as lists of field names. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** a label selector as text */
  readonly selector: readonly string[] | undefined;
}

/** true for custom resources: without protobuf, without merge keys, decoded by their definition's schema */
export function isCustom(kind: Pick<Kind, "schema">): boolean {
  return kind.schema.custom === true;
}

export interface RowCondition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
}

export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string;
  /** 0 always shown, 1 with -o wide */
  readonly priority: number;
  readonly description: string;
  /** a cell that rows have beyond the columns they declare, as some of Kubernetes' tables do */
  readonly undeclared?: boolean;
  /** a column of ours behind those of Kubernetes: there only when some object of the answer has something to show in it */
  readonly shownFor?: (object: AnyObject) => boolean;
  /** `now` in milliseconds, for ages */
  readonly cell: (object: AnyObject, now: number) => string | number | boolean | null;
}

/** The kinds a server serves at this moment. Built-in rows never change; custom resources come and go. */
export interface KindTable {
  byResource(group: string, version: string, plural: string): Kind | undefined;
  byKind(group: string, version: string, kind: string): Kind | undefined;
  all(): readonly Kind[];
  /** grows with every change: part of discovery and OpenAPI hashes */
  revision(): number;
  /** calls back with each row that is removed or replaced, until the returned function is called */
  onGone(listener: (row: Kind) => void): () => void;
}
