/**
 * The rows that a server serves at this moment. Built-in rows are given once; custom resources are set and removed while
 * the server runs. Lookups are maps, `all()` keeps the order in which rows came, which is the order of discovery.
 */
import type { Kind, KindTable } from "./kinds.ts";

export interface ChangeableKindTable extends KindTable {
  /** adds the row, in place of one with the same group, version and plural */
  set(kind: Kind): void;
  /** false when there was no such row */
  remove(group: string, version: string, plural: string): boolean;
}

const key = (group: string, version: string, name: string) => `${group}/${version}/${name}`;

export function kindTable(rows: readonly Kind[]): ChangeableKindTable {
  const byResource = new Map<string, Kind>();
  const byKind = new Map<string, Kind>();
  let all: readonly Kind[] | undefined;
  /** what every request asks for: by plural, few rows each, so that no key is put together */
  let byPlural: ReadonlyMap<string, readonly Kind[]> | undefined;
  let revision = 0;
  const listeners = new Set<(row: Kind) => void>();
  const gone = (row: Kind) => {
    for (const listener of listeners) listener(row);
  };

  function set(kind: Kind): void {
    const resource = key(kind.group, kind.version, kind.plural);
    const before = byResource.get(resource);
    if (before !== undefined) byKind.delete(key(before.group, before.version, before.kind));
    byResource.set(resource, kind);
    byKind.set(key(kind.group, kind.version, kind.kind), kind);
    all = byPlural = undefined;
    revision++;
    if (before !== undefined && before !== kind) gone(before);
  }

  for (const row of rows) set(row);

  return {
    byResource: (group, version, plural) => (byPlural ??= Map.groupBy(byResource.values(), (row) => row.plural)).get(plural)?.find((row) => row.group === group && row.version === version),
    byKind: (group, version, kind) => byKind.get(key(group, version, kind)),
    all: () => (all ??= [...byResource.values()]),
    revision: () => revision,
    set,
    remove(group, version, plural) {
      const resource = key(group, version, plural);
      const row = byResource.get(resource);
      if (row === undefined) return false;
      byResource.delete(resource);
      byKind.delete(key(group, version, row.kind));
      all = byPlural = undefined;
      revision++;
      gone(row);
      return true;
    },
    onGone(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
