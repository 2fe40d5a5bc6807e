/**
 * Judges the expressions of a policy by the types that it names (status.typeChecking): a field that no Deployment has is a
 * slip that fails only when the first Deployment comes. Advice, not a refusal: a type may change after the policy.
 */
import type { Kind, KindTable } from "../../api/kinds.ts";
import type { FieldType, ObjectType } from "../../api/schema/schema.ts";
import type { ExpressionWarning, ValidatingAdmissionPolicy } from "../../api/types.gen.ts";
import type { Environment } from "../cel/environment.ts";
import { CompileError } from "../cel/errors.ts";
import type { Program } from "../cel/program.ts";
import { escapeName } from "../crd/cel-types.ts";
import { requestEnvironment } from "../matching/request-environment.ts";
import { compileExpressions } from "./compile-policy.ts";

/** Types that are checked, as in Kubernetes: a policy for everything is for no type in particular. */
const TYPES_MAX = 10;

export function typeWarnings({ spec }: ValidatingAdmissionPolicy, kinds: KindTable): readonly ExpressionWarning[] {
  const found = new Map<string, string[]>();
  for (const kind of kindsOf(spec, kinds)) {
    const note = (fieldRef: string, program: Program | CompileError | undefined) => {
      if (!(program instanceof CompileError)) return;
      const warning = `${kind.group}/${kind.version}, Kind=${kind.kind}: ${program.message}\n`;
      found.set(fieldRef, [...(found.get(fieldRef) ?? []), warning]);
    };
    const compiled = compileExpressions(spec ?? {}, requestEnvironment((environment) => declareObject(environment, kind.schema)));
    for (const [index, { program }] of compiled.conditions.entries()) note(`spec.matchConditions[${index}].expression`, program);
    for (const [index, { program }] of compiled.variables.entries()) note(`spec.variables[${index}].expression`, program);
    for (const [index, { program, message }] of compiled.validations.entries()) {
      note(`spec.validations[${index}].expression`, program);
      note(`spec.validations[${index}].messageExpression`, message);
    }
  }
  return [...found].map(([fieldRef, warnings]) => ({ fieldRef, warning: warnings.join("") }));
}

/** What the rules name without a wildcard. */
function kindsOf(spec: ValidatingAdmissionPolicy["spec"], kinds: KindTable): readonly Kind[] {
  const named = new Set<Kind>();
  for (const { apiGroups = [], apiVersions = [], resources = [] } of spec?.matchConstraints?.resourceRules ?? []) {
    for (const group of apiGroups) {
      for (const version of apiVersions) {
        for (const plural of resources) {
          const kind = kinds.byResource(group, version, plural);
          if (kind !== undefined) named.add(kind);
        }
      }
    }
  }
  return [...named].slice(0, TYPES_MAX);
}

function declareObject(environment: Environment, type: ObjectType): string {
  const names = new Map<ObjectType, string>();
  /** a type inside itself is left open */
  const open = new Set<ObjectType>();

  function object(of: ObjectType): string {
    const there = names.get(of);
    if (there !== undefined) return there;
    if (open.has(of) || of.preserveUnknown) return "dyn";
    open.add(of);
    const fields: { [name: string]: string } = {};
    for (const field of of.fields.values()) {
      const name = escapeName(field.name);
      if (name !== undefined) fields[name] = typeName(field.type);
    }
    open.delete(of);
    const name = `Type_${names.size}`;
    // only checked, never run: values of these types do not exist
    const Values = class {
      readonly [field: string]: unknown;
    };
    environment.registerType(name, { ctor: Values, fields });
    environment.registerOperator(`${name} == ${name}`, () => false);
    names.set(of, name);
    return name;
  }

  function typeName(of: FieldType): string {
    switch (of.kind) {
      case "scalar":
        return scalars[of.scalar];
      case "special":
        return of.special === "Time" || of.special === "MicroTime" ? "google.protobuf.Timestamp" : "dyn";
      case "object":
        return object(of.type);
      case "list":
        return `list<${typeName(of.items)}>`;
      case "map":
        return `map<string, ${typeName(of.values)}>`;
    }
  }

  return object(type);
}

const scalars = { string: "string", boolean: "bool", int32: "int", int64: "int", double: "double", bytes: "bytes" } as const;
