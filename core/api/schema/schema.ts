/**
 * The shape of objects as data: one table, read by decoding, pruning, defaulting, validation, both merge patches,
 * server-side apply, the protobuf codec and OpenAPI. Built-in types come from the generated table (`types()`), custom
 * resources make the same structure from their OpenAPI schema.
 */
export type Scalar = "string" | "boolean" | "int32" | "int64" | "double" | "bytes";

/** Types whose JSON and protobuf forms are not those of a plain structure. */
export type Special =
  | "Time"
  | "MicroTime"
  | "Duration"
  | "Quantity"
  | "IntOrString"
  | "FieldsV1"
  /** any JSON object, with apiVersion and kind */
  | "RawExtension"
  /** any JSON value at all (apiextensions JSON, unknown fields preserved) */
  | "JSON";

export type FieldType =
  | { readonly kind: "scalar"; readonly scalar: Scalar }
  /** `model` names the OpenAPI model where the special has several ("JSONSchemaPropsOrBool" is a JSON) */
  | { readonly kind: "special"; readonly special: Special; readonly model?: string }
  | { readonly kind: "object"; readonly type: ObjectType }
  | { readonly kind: "list"; readonly items: FieldType; readonly list: ListMerge }
  | { readonly kind: "map"; readonly values: FieldType; readonly atomic: boolean; /** null is a value (custom resources) */ readonly nullable?: boolean };

/** x-kubernetes-list-type and -list-map-keys (server-side apply). */
export type ListMerge =
  /** `implied`: the schema says nothing, which means the same */
  | { readonly type: "atomic"; readonly implied?: boolean }
  | { readonly type: "set" }
  | { readonly type: "map"; readonly keys: readonly string[] };

export interface Field {
  /** JSON name */
  readonly name: string;
  readonly type: FieldType;
  /** protobuf field number; undefined for custom resources */
  readonly number: number | undefined;
  /** the Go field has no omitempty: OpenAPI "required" unless it has a default */
  readonly required: boolean;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  /** patchStrategy of strategic merge patch */
  readonly patchStrategy?: "merge" | "replace" | "retainKeys" | "merge,retainKeys";
  readonly patchMergeKey?: string;
  /** protobuf numbers of the embedded structures around the field, outermost first; JSON flattens them */
  readonly within?: readonly number[];
  /**
   * What the encoder writes for an absent or empty value, as Go's does: "omit" leaves empty values out, "zero" writes the
   * zero value of the type, "null" writes null for an absent one. Undefined (pointers, custom resources): as it came.
   */
  readonly empty?: "omit" | "zero" | "null";
  /** null is a value of the field, no absence that a default fills (custom resources) */
  readonly nullable?: boolean;
  /** the Go type where decode errors name it and it does not follow from `type` ("v1.PullPolicy") */
  readonly goType?: string;
}

export interface ObjectType {
  /** OpenAPI model name, "io.k8s.api.core.v1.PodSpec" */
  readonly name: string;
  /** by JSON name, in declaration order; embedded structures are flattened */
  readonly fields: ReadonlyMap<string, Field>;
  /** x-kubernetes-map-type: atomic */
  readonly atomic: boolean;
  /** fields that the schema does not know are kept (custom resources) */
  readonly preserveUnknown: boolean;
  /**
   * A type of a custom resource: decoding only drops what the schema does not know, a value of the wrong type is left to
   * validation, which names all of them.
   */
  readonly custom?: boolean;
  /** what OpenAPI publishes for the type as it is, where its fields do not say all (custom resources) */
  readonly published?: { readonly v3: object; readonly v2: object };
}
