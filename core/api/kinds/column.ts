/** Short ways to write table columns. */
import type { Column } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { ageOf } from "./age.ts";

type Cell = string | number | boolean | null;

interface More {
  /** shown with -o wide only */
  readonly wide?: boolean;
  readonly format?: string;
  readonly type?: Column["type"];
}

/** Columns of one kind, typed. The description is the column's name: clients show it nowhere. */
export function columnsOf<T>() {
  return (name: string, cell: (object: T, now: number) => Cell, { wide = false, format = "", type = "string" }: More = {}): Column => ({
    name,
    type,
    format,
    priority: wide ? 1 : 0,
    description: name,
    // the kind's row says what its objects look like
    cell: (object, now) => cell(object as unknown as T, now),
  });
}

export const nameColumn: Column = {
  name: "Name",
  type: "string",
  format: "name",
  priority: 0,
  description: "Name",
  cell: (object) => object.metadata.name ?? "",
};

export const ageColumn: Column = {
  name: "Age",
  type: "string",
  format: "",
  priority: 0,
  description: "Age",
  cell: (object: AnyObject, now) => ageOf(object.metadata.creationTimestamp, now),
};
