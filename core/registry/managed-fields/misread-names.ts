/**
 * Whether `JSON.parse` read names of owned fields wrong (core/api/schema/parse-json.ts says when it does). Keys and values of
 * lists are names that hold JSON, `k:{"name":"a"}` and `v:"a"`, so they have an escape where the first quote stands, and what is
 * misread is their source: it has the escape itself there, which no right name has.
 */
import type { ManagedFieldsEntry } from "../../api/meta.ts";

export function hasMisreadNames(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  return entries?.some(({ fieldsV1 }) => misread(fieldsV1)) === true;
}

function misread(tree: unknown): boolean {
  if (typeof tree !== "object" || tree === null) return false;
  return Object.entries(tree).some(([name, below]) => name.startsWith("k:{\\") || name.startsWith("v:\\") || misread(below));
}
