/** quantity() and isQuantity() (KEP-2876), over the quantities of the rest of the server. */
import type { Environment } from "@marcbachmann/cel-js";
import { addQuantities, compareQuantities, formatQuantity, parseQuantity, type Quantity, QuantityError, subtractQuantities } from "../../../api/quantity.ts";
import { functionError } from "../errors.ts";

class CelQuantity {
  readonly amount: Quantity;
  constructor(amount: Quantity) {
    this.amount = amount;
  }
  toString(): string {
    return formatQuantity(this.amount);
  }
}

const BILLION = 1_000_000_000n;
const MAX_INT = 2n ** 63n - 1n;

function parse(text: string): CelQuantity {
  try {
    return new CelQuantity(parseQuantity(text));
  } catch (error) {
    throw error instanceof QuantityError ? functionError(error.message) : error;
  }
}

function isQuantity(text: string): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch {
    return false;
  }
}

const isInteger = ({ amount }: CelQuantity) => amount.nanos % BILLION === 0n && amount.nanos / BILLION <= MAX_INT && amount.nanos / BILLION >= -MAX_INT - 1n;

function asInteger(quantity: CelQuantity): bigint {
  if (!isInteger(quantity)) throw functionError("cannot convert value to integer");
  return quantity.amount.nanos / BILLION;
}

const whole = (value: bigint): Quantity => ({ nanos: value * BILLION, format: "DecimalSI" });
const compare = (a: CelQuantity, b: CelQuantity) => compareQuantities(a.amount, b.amount);

export function quantities(environment: Environment): void {
  environment.registerType("kubernetes.Quantity", { ctor: CelQuantity, fields: {} });
  const add = (signature: string, handler: (...given: never[]) => unknown) => environment.registerFunction(signature, handler as never, { async: false } as never);
  add("quantity(string): kubernetes.Quantity", parse);
  add("isQuantity(string): bool", isQuantity);
  add("kubernetes.Quantity.sign(): int", ({ amount }: CelQuantity) => BigInt(amount.nanos === 0n ? 0 : amount.nanos < 0n ? -1 : 1));
  add("kubernetes.Quantity.isInteger(): bool", isInteger);
  add("kubernetes.Quantity.asInteger(): int", asInteger);
  add("kubernetes.Quantity.asApproximateFloat(): double", ({ amount }: CelQuantity) => Number(amount.nanos) / Number(BILLION));
  add("kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool", (a: CelQuantity, b: CelQuantity) => compare(a, b) > 0);
  add("kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool", (a: CelQuantity, b: CelQuantity) => compare(a, b) < 0);
  add("kubernetes.Quantity.compareTo(kubernetes.Quantity): int", (a: CelQuantity, b: CelQuantity) => BigInt(compare(a, b)));
  add("kubernetes.Quantity.add(kubernetes.Quantity): kubernetes.Quantity", (a: CelQuantity, b: CelQuantity) => new CelQuantity(addQuantities(a.amount, b.amount)));
  add("kubernetes.Quantity.add(int): kubernetes.Quantity", (a: CelQuantity, b: bigint) => new CelQuantity(addQuantities(a.amount, whole(b))));
  add("kubernetes.Quantity.sub(kubernetes.Quantity): kubernetes.Quantity", (a: CelQuantity, b: CelQuantity) => new CelQuantity(subtractQuantities(a.amount, b.amount)));
  add("kubernetes.Quantity.sub(int): kubernetes.Quantity", (a: CelQuantity, b: bigint) => new CelQuantity(subtractQuantities(a.amount, whole(b))));
  environment.registerOperator("kubernetes.Quantity == kubernetes.Quantity", (a: CelQuantity, b: CelQuantity) => compare(a, b) === 0);
}
