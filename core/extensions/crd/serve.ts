/**
 * Serves what is established: definitions come in, rows of the kind table go out. A changed definition replaces its rows;
 * requests that hold an earlier row finish with it.
 */
import { sameJson } from "../../api/json.ts";
import type { ChangeableKindTable } from "../../api/kind-table.ts";
import type { Kind } from "../../api/kinds.ts";
import type { Log } from "../../api/log.ts";
import { CUSTOM_RESOURCE_DEFINITIONS } from "../../api/resources.gen.ts";
import type { CustomResourceDefinition } from "../../api/types.gen.ts";
import type { Informers } from "../../control/control.ts";
import { isEstablished } from "./definition.ts";
import { rowsOf } from "./rows.ts";

export interface ServeParts {
  readonly informers: Informers;
  readonly kinds: ChangeableKindTable;
  readonly log: Log;
  /** finishes rows with what needs more than the definition (conversion by webhook) */
  readonly complete?: (definition: CustomResourceDefinition, rows: readonly Kind[]) => readonly Kind[];
}

/** Resolves when the definitions that exist already are served. */
export async function serveDefinitions({ informers, kinds, log, complete = (_, rows) => rows }: ServeParts): Promise<void> {
  const definitions = informers.of(CUSTOM_RESOURCE_DEFINITIONS);
  const served = new Map<string, readonly Kind[]>();

  function serve(now: CustomResourceDefinition | undefined, old: CustomResourceDefinition | undefined): void {
    const name = (now ?? old)?.metadata.name ?? "";
    if (now !== undefined && old !== undefined && served.has(name) && sameService(now, old)) return;
    const before = served.get(name) ?? [];
    const rows = now !== undefined && isEstablished(now) ? made(now, before) : [];
    for (const row of before) {
      if (!rows.some((each) => each.version === row.version && each.plural === row.plural)) kinds.remove(row.group, row.version, row.plural);
    }
    for (const row of rows) kinds.set(row);
    if (rows.length === 0) served.delete(name);
    else served.set(name, rows);
  }

  /** A definition that cannot be served keeps the rows that it had: validation has let something through. */
  function made(definition: CustomResourceDefinition, before: readonly Kind[]): readonly Kind[] {
    try {
      return complete(definition, rowsOf(definition));
    } catch (error) {
      log.error({ error, definition: definition.metadata.name }, "a custom resource definition cannot be served as it is");
      return before;
    }
  }

  definitions.subscribe(serve);
  await definitions.synced();
  for (const definition of definitions.list()) serve(definition, undefined);
}

function sameService(now: CustomResourceDefinition, old: CustomResourceDefinition): boolean {
  return isEstablished(now) === isEstablished(old) && sameJson(now.status?.acceptedNames, old.status?.acceptedNames) && sameJson(now.spec, old.spec);
}
