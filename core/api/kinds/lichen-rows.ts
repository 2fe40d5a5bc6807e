/**
 * The kinds of lichen itself, group lichen.dev/v1. A kind is a row here and its types in the table below it, in the
 * grammar of schema/facts.ts; protobuf numbers are "-", these kinds travel as JSON only.
 * The type of a list need not be written.
 */
import { factTypes } from "../schema/facts.ts";
import { type KindRow, rowsOf } from "./built-in-rows.ts";

const models = "dev.lichen.v1";
export const lichen = rowsOf({ group: "lichen.dev", version: "v1", models });

export const lichenRows: readonly KindRow[] = [];

export const lichenTypes = factTypes({ [models]: {} });
