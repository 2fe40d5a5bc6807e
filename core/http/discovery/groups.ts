/** Groups and versions of a KindTable in the order in which clients try them: as the table has them, versions by stability. */
import type { Kind, KindTable } from "../../api/kinds.ts";

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

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Kubernetes version priority: v2, v1, v1beta2, v1beta1, v1alpha1, then the rest by name. */
export function compareVersions(a: string, b: string): number {
  const left = versionParts(a);
  const right = versionParts(b);
  if (left === undefined || right === undefined) return left !== undefined ? -1 : right !== undefined ? 1 : compareText(a, b);
  for (const [index, value] of left.entries()) {
    const difference = (right[index] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return 0;
}

const stability: { readonly [word: string]: number } = { alpha: 0, beta: 1 };

function versionParts(version: string): readonly [stable: number, major: number, minor: number] | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return undefined;
  return [match[2] === undefined ? 2 : (stability[match[2]] ?? 0), Number(match[1]), Number(match[3] ?? 0)];
}
