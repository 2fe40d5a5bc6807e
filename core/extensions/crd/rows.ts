/**
 * A definition becomes rows of the kind table, one for each served version: pure. What the schema says about types is in
 * the row's ObjectType, everything else (limits, patterns, rules, list uniqueness) in its hooks, compiled when the row is
 * made.
 */
import type { Kind, KindHooks, Subresource } from "../../api/kinds.ts";
import { apiVersionOf, type AnyObject } from "../../api/meta.ts";
import { decodeValue } from "../../api/schema/decode.ts";
import { applyDefaults } from "../../api/schema/defaults.ts";
import type { ObjectType } from "../../api/schema/schema.ts";
import type { FieldError } from "../../api/status.ts";
import { compareVersions } from "../../api/version-order.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionVersion, CustomResourceSubresources, CustomResourceSubresourceScale } from "../../api/types.gen.ts";
import { compileEmbedded } from "../schema/embedded.ts";
import type { Schema } from "../schema/json-schema.ts";
import { compileListTypes } from "../schema/list-types.ts";
import { compileSchema } from "../schema/validate-value.ts";
import { columnsOf } from "./columns.ts";
import { compileJsonPath, simplePath } from "./json-path.ts";
import { objectTypeOf } from "./object-type.ts";
import { validateScalePaths } from "./scale-paths.ts";
import { compileRuleCheck, OBJECT_COST_MAX } from "./rules.ts";

export const DEFINITIONS_GROUP = "apiextensions.k8s.io";

export function rowsOf(definition: CustomResourceDefinition): readonly Kind[] {
  const { spec, status } = definition;
  const names = { ...spec.names, ...status?.acceptedNames };
  const storage = spec.versions.find((version) => version.storage);
  const storageName = storage?.name ?? "";
  const storageOf = { group: spec.group, version: storageName, kind: names.kind };
  const stored = objectTypeOf(storageOf, storage?.schema?.openAPIV3Schema, spec.preserveUnknownFields === true);
  return spec.versions
    .filter(({ served }) => served)
    .map((version): Kind => {
      const of = { group: spec.group, version: version.name, kind: names.kind };
      const schema = objectTypeOf(of, version.schema?.openAPIV3Schema, spec.preserveUnknownFields === true);
      return {
        ...of,
        listKind: names.listKind ?? `${names.kind}List`,
        plural: names.plural,
        singular: names.singular ?? names.kind.toLowerCase(),
        namespaced: spec.scope === "Namespaced",
        shortNames: names.shortNames ?? [],
        categories: names.categories ?? [],
        verbs: ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"],
        subresources: subresourcesOf(version.subresources),
        schema,
        storageVersion: storageName,
        hooks: { ...hooksOf(version, schema, { of, versions: spec.versions }), ...(version.name === storageName || spec.conversion?.strategy === "Webhook" ? {} : { toStored: storer(storageOf, stored) }) },
      };
    });
}

function subresourcesOf({ status, scale }: CustomResourceSubresources = {}): readonly Subresource[] {
  const verbs = ["get", "patch", "update"] as const;
  return [
    ...(status === undefined ? [] : [{ name: "status", verbs }]),
    ...(scale === undefined ? [] : [{ name: "scale", verbs, kind: { group: "autoscaling", version: "v1", kind: "Scale" } }]),
  ];
}

interface Place {
  readonly of: Pick<Kind, "group" | "version" | "kind">;
  readonly versions: readonly CustomResourceDefinitionVersion[];
}

function hooksOf(version: CustomResourceDefinitionVersion, type: ObjectType, place: Place): KindHooks {
  const { status, scale } = version.subresources ?? {};
  const columns = columnsOf(version.additionalPrinterColumns);
  const validate = validator(version.schema?.openAPIV3Schema, scale);
  const selectable = version.selectableFields ?? [];
  const warning = version.deprecationWarning ?? deprecationOf(place);
  return {
    read: reader(type),
    validate: (object) => validate(object, undefined),
    validateUpdate: (object, old) => validate(object, old),
    ...(status === undefined ? { generation: "all" } : { prepareForCreate: withoutStatus }),
    ...(columns === undefined ? {} : { columns }),
    ...(scale === undefined
      ? {}
      : {
          scale: {
            specReplicas: simplePath(scale.specReplicasPath) ?? [],
            statusReplicas: simplePath(scale.statusReplicasPath) ?? [],
            selector: scale.labelSelectorPath === undefined ? undefined : simplePath(scale.labelSelectorPath),
          },
        }),
    ...(selectable.length === 0 ? {} : { selectableFields: Object.fromEntries(selectable.map(({ jsonPath }) => [jsonPath.replace(/^\./, ""), fieldText(jsonPath)])) }),
    ...(version.deprecated === true ? { deprecation: warning } : {}),
  };
}

/** Names the best of the served versions that are better than this one. */
function deprecationOf({ of, versions }: Place): string {
  const [better] = versions
    .filter(({ name, served, deprecated }) => served && deprecated !== true && compareVersions(name, of.version) < 0)
    .toSorted((a, b) => compareVersions(a.name, b.name));
  const instead = better === undefined ? "" : `; use ${of.group}/${better.name} ${of.kind}`;
  return `${apiVersionOf(of)} ${of.kind} is deprecated${instead}`;
}

/** What another version has and the stored one does not is not kept. */
function storer(of: Pick<Kind, "group" | "version" | "kind">, type: ObjectType): (object: AnyObject) => AnyObject {
  const read = reader(type);
  return (object) => read({ ...object, apiVersion: apiVersionOf(of) });
}

function withoutStatus(object: AnyObject): AnyObject {
  return Object.fromEntries(Object.entries(object).filter(([field]) => field !== "status")) as AnyObject;
}

function fieldText(path: string): (object: AnyObject) => string {
  const read = compileJsonPath(path);
  return (object) => {
    const value = read?.(object)[0];
    return value === undefined || value === null || typeof value === "object" ? "" : String(value);
  };
}

/** An object written under an earlier schema is pruned and filled by this one. */
function reader(type: ObjectType): (stored: AnyObject) => AnyObject {
  return (stored) => {
    const { value } = decodeValue(type, stored);
    return applyDefaults(type, { ...stored, ...value, metadata: stored.metadata }) as AnyObject;
  };
}

type Validate = (object: AnyObject, old: AnyObject | undefined) => readonly FieldError[];

function validator(schema: Schema | undefined, scale: CustomResourceSubresourceScale | undefined): Validate {
  if (schema === undefined) return () => [];
  const values = compileSchema(schema);
  const embedded = compileEmbedded(schema);
  const lists = compileListTypes(schema);
  const rules = compileRuleCheck(schema);
  const hasRules = JSON.stringify(schema).includes('"x-kubernetes-validations"');
  return (object, old) => {
    const errors: FieldError[] = [...values(object, "", old).errors];
    if (scale !== undefined) validateScalePaths(errors, object, scale);
    embedded(object, "", errors);
    lists(object, "", errors, old);
    if (errors.some(({ type }) => BLOCKING.has(type))) {
      if (hasRules) errors.push(UNCHECKED);
    } else rules(object, old, "", { errors, left: OBJECT_COST_MAX });
    return errors;
  };
}

/** With these findings the types that rules rely on do not hold. */
const BLOCKING: ReadonlySet<FieldError["type"]> = new Set(["FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"]);

const UNCHECKED: FieldError = {
  type: "FieldValueInvalid",
  field: "<nil>",
  message: "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
};
