/**
 * Joins the rows with their schema and with the behaviour that the caller gives them. Hooks are an argument, so a test can
 * serve one kind without the others, and this file does not import every kind's behaviour.
 */
import type { Kind, KindHooks } from "../kinds.ts";
import { types } from "../schema/facts.ts";
import { builtInRows } from "./built-in-rows.ts";
import { conversions } from "./conversions.ts";
import { lichenRows, lichenTypes } from "./lichen-rows.ts";
import { metricsRows, metricsTypes } from "./metrics-rows.ts";

/** By "group/Kind" ("/Pod", "apps/Deployment"), or "group/version/Kind" for what one version alone does. */
export interface HooksByKind {
  readonly [groupKind: string]: KindHooks;
}

const tables = [lichenTypes, metricsTypes] as const;

export function builtinKinds(hooks: HooksByKind = {}): readonly Kind[] {
  return [...builtInRows, ...lichenRows, ...metricsRows].map((row) => {
    const { models, ...facts } = row;
    const model = `${models}.${row.kind}`;
    return {
      ...facts,
      listKind: `${row.kind}List`,
      schema: (tables.find((table) => table.has(model)) ?? types()).get(model),
      hooks: {
        ...hooks[`${row.group}/${row.kind}`],
        ...conversions[`${row.group}/${row.version}/${row.kind}`],
        ...hooks[`${row.group}/${row.version}/${row.kind}`],
      },
    };
  });
}
