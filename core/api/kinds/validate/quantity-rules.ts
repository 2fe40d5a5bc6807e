/** Amounts inside objects: the text is already a quantity when validation sees it. */
import { type Quantity, QuantityError, milliValue, parseQuantity } from "../../quantity.ts";
import { type Errors, invalid } from "./errors.ts";

export type Amounts = { readonly [resource: string]: string };

/** What is no quantity counts as nothing: decoding refuses it before. */
export function amountOf(text: string | undefined): Quantity {
  try {
    return parseQuantity(text === undefined || text === "" ? "0" : String(text));
  } catch (error) {
    if (error instanceof QuantityError) return { nanos: 0n, format: "DecimalSI" };
    throw error;
  }
}

export function amountNotNegative(errors: Errors, path: string, text: string): void {
  if (amountOf(text).nanos < 0n) invalid(errors, path, text, "must be greater than or equal to 0");
}

export const isWhole = (text: string): boolean => milliValue(amountOf(text)) % 1000 === 0;

export function wholeAmount(errors: Errors, path: string, text: string): void {
  if (!isWhole(text)) invalid(errors, path, text, "must be an integer");
}
