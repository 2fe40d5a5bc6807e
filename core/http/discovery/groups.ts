/** Groups and versions of a KindTable in the order in which clients try them: as the table has them, versions by stability. */
import type { Kind, KindTable } from "../../api/kinds.ts";
import { compareText, compareVersions } from "../../api/version-order.ts";

export interface GroupVersions {
  readonly group: string;
  readonly versions: readonly { readonly version: string; readonly kinds: readonly Kind[] }[];
}

export function groupsOf(kinds: KindTable): readonly GroupVersions[] {
  const groups = new Map<string, Map<string, Kind[]>>();
  for (const kind of kinds.all()) {
    let versions = groups.get(kind.group);
    if (versions === undefined) groups.set(kind.group, (versions = new Map()));
    const of = versions.get(kind.version);
    if (of === undefined) versions.set(kind.version, [kind]);
    else of.push(kind);
  }
  return [...groups].map(([group, versions]) => ({
    group,
    versions: [...versions]
      .map(([version, of]) => ({ version, kinds: of.toSorted((a, b) => compareText(a.plural, b.plural)) }))
      .toSorted((a, b) => compareVersions(a.version, b.version)),
  }));
}
