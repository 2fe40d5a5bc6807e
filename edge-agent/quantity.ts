/** Amounts as plain numbers: what a device compares and writes into cgroups. */
import type { Quantity } from "../core/api/quantity.ts";
import { milliValue, parseQuantity, wholeValue } from "../core/api/quantity.ts";

const BILLION = 1e9;

/** @throws QuantityError (the API refuses such texts, so a device should never see one) */
export function quantity(text: string): number {
  return numberOf(parseQuantity(text));
}

export const numberOf = ({ nanos }: Quantity): number => Number(nanos) / BILLION;

/** Thousandths, rounded up. */
export const milli = (text: string): number => milliValue(parseQuantity(text));

/** Whole units, rounded up. */
export const whole = (text: string): number => wholeValue(parseQuantity(text));
