/**
 * Which of its names a definition gets: each once per group, whoever was first keeps them (apiextensions naming
 * condition). Pure: the claims of the others are an argument.
 */
import type { CustomResourceDefinition, CustomResourceDefinitionCondition, CustomResourceDefinitionNames } from "../../api/types.gen.ts";

export interface Claims {
  /** plural, singular and short names */
  readonly resources: ReadonlySet<string>;
  /** kinds and list kinds */
  readonly kinds: ReadonlySet<string>;
}

type Condition = CustomResourceDefinitionCondition;

export interface Naming {
  readonly names: CustomResourceDefinitionNames;
  readonly accepted: Omit<Condition, "lastTransitionTime">;
}

const present = (names: readonly (string | undefined)[]) => names.filter((name): name is string => name !== undefined && name !== "");

/** What the other definitions of the group hold. */
export function claimsOf(others: readonly CustomResourceDefinition[]): Claims {
  const accepted = others.map(({ status }) => status?.acceptedNames).filter((names) => names !== undefined);
  return {
    resources: new Set(accepted.flatMap(({ plural, singular, shortNames = [] }) => present([plural, singular, ...shortNames]))),
    kinds: new Set(accepted.flatMap(({ kind, listKind }) => present([kind, listKind]))),
  };
}

export function acceptNames(wanted: CustomResourceDefinitionNames, held: CustomResourceDefinitionNames | undefined, claims: Claims): Naming {
  const names: { -readonly [field in keyof CustomResourceDefinitionNames]: CustomResourceDefinitionNames[field] } = { plural: "", kind: "", ...held };
  let problem: { reason: string; message: string } | undefined;
  const claim = (field: "plural" | "singular" | "kind" | "listKind", used: ReadonlySet<string>, reason: string) => {
    const name = wanted[field] ?? "";
    if (name === (held?.[field] ?? "") || !used.has(name)) {
      if (name !== "") names[field] = name;
    } else problem = { reason, message: inUse([name]) };
  };
  claim("plural", claims.resources, "PluralConflict");
  claim("singular", claims.resources, "SingularConflict");
  const taken = (wanted.shortNames ?? []).filter((name) => !(held?.shortNames ?? []).includes(name) && claims.resources.has(name));
  if (taken.length > 0) problem = { reason: "ShortNamesConflict", message: inUse(taken) };
  else if (wanted.shortNames === undefined) delete names.shortNames;
  else names.shortNames = wanted.shortNames;
  claim("kind", claims.kinds, "KindConflict");
  claim("listKind", claims.kinds, "ListKindConflict");
  if (wanted.categories === undefined) delete names.categories;
  else names.categories = wanted.categories;
  return {
    names,
    accepted: { type: "NamesAccepted", ...(problem === undefined ? { status: "True", reason: "NoConflicts", message: "no conflicts found" } : { status: "False", ...problem }) },
  };
}

function inUse(names: readonly string[]): string {
  const texts = names.map((name) => `${JSON.stringify(name)} is already in use`);
  return texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(", ")}]`;
}
