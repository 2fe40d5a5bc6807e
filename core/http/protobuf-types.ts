/** apiVersion and kind → the built-in type, also of kinds that have no resource of their own (Scale, lists, Status). */
import { apiVersionOf } from "../api/meta.ts";
import { builtInRows } from "../api/kinds/built-in-rows.ts";
import { metricsRows, metricsTypes } from "../api/kinds/metrics-rows.ts";
import { types } from "../api/schema/facts.ts";
import { metaTypeOf } from "../api/schema/protobuf.ts";
import type { ObjectType } from "../api/schema/schema.ts";

const models = new Map([...builtInRows, ...metricsRows].map((row) => [apiVersionOf(row), row.models]));

export function protobufType(apiVersion: string, kind: string): ObjectType | undefined {
  const model = `${models.get(apiVersion)}.${kind}`;
  return [types(), metricsTypes].find((table) => table.has(model))?.get(model) ?? metaTypeOf(kind);
}
