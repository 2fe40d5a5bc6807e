/** Lists (isSorted, sum, min, max, indexOf, lastIndexOf) and sets (sets.contains, equivalent, intersects). */
import type { Environment } from "@marcbachmann/cel-js";
import { functionError } from "../errors.ts";
import { celEqual } from "../values.ts";

type Ordered = bigint | number | string | boolean | Date;

const smaller = (a: Ordered, b: Ordered) => a < b;

function isSorted(list: readonly Ordered[]): boolean {
  return list.every((each, index) => index === 0 || !smaller(each, list[index - 1] as Ordered));
}

function extreme(list: readonly Ordered[], name: string, better: (a: Ordered, b: Ordered) => boolean): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) throw functionError(`${name} called on empty list`);
  return rest.reduce((best, each) => (better(each, best) ? each : best), first);
}

const sumInts = (list: readonly bigint[]) => list.reduce((sum, each) => sum + each, 0n);
const sumDoubles = (list: readonly number[]) => list.reduce((sum, each) => sum + each, 0);

/** Elements compared by sets.*: each with each. */
const PAIRS_MAX = 1_000_000;

function bounded(a: readonly unknown[], b: readonly unknown[]): void {
  if (a.length * b.length > PAIRS_MAX) throw functionError("operation cancelled: actual cost limit exceeded");
}

const contains = (list: readonly unknown[], value: unknown) => list.some((each) => celEqual(each, value));

function containsAll(list: readonly unknown[], others: readonly unknown[]): boolean {
  bounded(list, others);
  return others.every((each) => contains(list, each));
}

function intersects(list: readonly unknown[], others: readonly unknown[]): boolean {
  bounded(list, others);
  return others.some((each) => contains(list, each));
}

class SetFunctions {
  readonly namespace = "sets";
}

export function lists(environment: Environment): void {
  const add = (signature: string, handler: (...given: never[]) => unknown) => environment.registerFunction(signature, handler as never, { async: false } as never);
  for (const type of ["int", "double", "string", "bool", "google.protobuf.Timestamp", "google.protobuf.Duration"]) {
    add(`list<${type}>.isSorted(): bool`, isSorted);
    add(`list<${type}>.min(): ${type}`, (list: readonly Ordered[]) => extreme(list, "min", smaller));
    add(`list<${type}>.max(): ${type}`, (list: readonly Ordered[]) => extreme(list, "max", (a, b) => smaller(b, a)));
  }
  add("list<int>.sum(): int", sumInts);
  add("list<double>.sum(): double", sumDoubles);
  add("list<A>.indexOf(A): int", (list: readonly unknown[], value: unknown) => BigInt(list.findIndex((each) => celEqual(each, value))));
  add("list<A>.lastIndexOf(A): int", (list: readonly unknown[], value: unknown) => BigInt(list.findLastIndex((each) => celEqual(each, value))));

  environment.registerType("SetFunctions", { ctor: SetFunctions, fields: {} });
  environment.registerConstant("sets", "SetFunctions", new SetFunctions());
  add("SetFunctions.contains(list<A>, list<A>): bool", (_: unknown, a: readonly unknown[], b: readonly unknown[]) => containsAll(a, b));
  add("SetFunctions.equivalent(list<A>, list<A>): bool", (_: unknown, a: readonly unknown[], b: readonly unknown[]) => containsAll(a, b) && containsAll(b, a));
  add("SetFunctions.intersects(list<A>, list<A>): bool", (_: unknown, a: readonly unknown[], b: readonly unknown[]) => intersects(a, b));
}
