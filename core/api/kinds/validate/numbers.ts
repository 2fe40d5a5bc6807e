/** Rules for numbers, and for the fields that are a number or a percentage. */
import { type Errors, check, invalid } from "./errors.ts";
import { portName } from "./text-rules.ts";

export type IntOrString = number | string;

const LARGEST_INT32 = 2_147_483_647;

export const inRange = (least: number, most: number) => `must be between ${least} and ${most}, inclusive`;

export function notNegative(errors: Errors, field: string, value: number | bigint | null | undefined): void {
  if (value !== undefined && value !== null && value < 0) invalid(errors, field, Number(value), "must be greater than or equal to 0");
}

/** User and group ids. */
export function idInRange(errors: Errors, field: string, value: number | null | undefined): void {
  if (value !== undefined && value !== null && (value < 0 || value > LARGEST_INT32)) invalid(errors, field, value, inRange(0, LARGEST_INT32));
}

export function between(errors: Errors, field: string, value: number, least: number, most: number): void {
  if (value < least || value > most) invalid(errors, field, value, inRange(least, most));
}

export function portNumber(errors: Errors, field: string, value: number): void {
  between(errors, field, value, 1, 65_535);
}

/** A port of a container by number or by name. */
export function portNumberOrName(errors: Errors, field: string, value: IntOrString): void {
  if (typeof value === "number") portNumber(errors, field, value);
  else check(errors, field, value, portName);
}

const PERCENT = /^[0-9]+%$/;

export const isPercent = (value: IntOrString | null | undefined): value is string => typeof value === "string" && PERCENT.test(value);

/** A count, or a percentage of something. */
export function countOrPercent(errors: Errors, field: string, value: IntOrString): void {
  if (typeof value === "number") notNegative(errors, field, value);
  else if (!PERCENT.test(value)) {
    invalid(errors, field, value, "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
  }
}

export function atMostHundredPercent(errors: Errors, field: string, value: IntOrString): void {
  if (isPercent(value) && Number.parseInt(value, 10) > 100) invalid(errors, field, value, "must not be greater than 100%");
}

/** The count, or the number before the percent sign: for the question whether it is zero. */
export const plainValue = (value: IntOrString | null | undefined): number => (typeof value === "number" ? value : isPercent(value) ? Number.parseInt(value, 10) : 0);
