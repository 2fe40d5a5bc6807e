/**
 * Amounts of resources: "250m", "1.5Gi", "2e3" (apimachinery resource.Quantity). Kept exactly, in billionths, with the
 * family of suffixes they were written in, because the canonical text that clients see depends on it.
 */
export type QuantityFormat = "DecimalSI" | "BinarySI" | "DecimalExponent";

export interface Quantity {
  /** billionths of the base unit; what is finer is rounded away from zero */
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

/** The text is no quantity; the message is that of Kubernetes. */
export class QuantityError extends Error {
  override readonly name = "QuantityError";
}

const BILLION = 1_000_000_000n;
/** largest binary amount that Kubernetes keeps; what is more becomes this */
const LARGEST = (2n ** 63n - 1n) * BILLION;
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?$/;
const SYNTAX = /^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/;
/** Fraction digits that are looked at; "0." and a megabyte of digits is no reason to compute with them. */
const DIGITS_LIMIT = 64;

const decimalSuffix: ReadonlyMap<string, number> = new Map([
  ["n", -9],
  ["u", -6],
  ["m", -3],
  ["", 0],
  ["k", 3],
  ["M", 6],
  ["G", 9],
  ["T", 12],
  ["P", 15],
  ["E", 18],
]);
const binarySuffix: ReadonlyMap<string, bigint> = new Map(["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].map((suffix, index) => [suffix, 1024n ** BigInt(index + 1)]));

/** The pods of one template repeat the same few texts thousands of times. */
const known = new Map<string, Quantity>();
const KNOWN_LIMIT = 10_000;
/** Longer ones are not written by people. */
const KNOWN_LENGTH = 64;

/** @throws QuantityError */
export function parseQuantity(text: string): Quantity {
  let quantity = known.get(text);
  if (quantity !== undefined) return quantity;
  quantity = read(text);
  if (text.length > KNOWN_LENGTH) return quantity;
  if (known.size >= KNOWN_LIMIT) known.clear();
  known.set(text, quantity);
  return quantity;
}

function read(text: string): Quantity {
  if (text === "") throw new QuantityError("quantities must be non-empty");
  const [, number = "", suffix = ""] = SYNTAX.exec(text) ?? [];
  const [whole, sign = "", units = "", fraction = ""] = NUMBER.exec(number) ?? [];
  if (whole === undefined || units + fraction === "") throw malformed();
  const { format, numerator, denominator } = scaleOf(suffix);
  const digits = fraction.slice(0, DIGITS_LIMIT);
  const scaled = BigInt(units + digits) * numerator * BILLION;
  const divisor = 10n ** BigInt(digits.length) * denominator;
  const rounded = (scaled + divisor - 1n) / divisor;
  const magnitude = format === "BinarySI" && rounded > LARGEST ? LARGEST : rounded;
  return { nanos: sign === "-" ? -magnitude : magnitude, format };
}

function malformed(): QuantityError {
  return new QuantityError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

function scaleOf(suffix: string): { format: QuantityFormat; numerator: bigint; denominator: bigint } {
  const binary = binarySuffix.get(suffix);
  if (binary !== undefined) return { format: "BinarySI", numerator: binary, denominator: 1n };
  const decimal = decimalSuffix.get(suffix);
  if (decimal !== undefined) return { format: "DecimalSI", ...powerOfTen(decimal) };
  const exponent = /^[eE]([+-]?\d{1,3})$/.exec(suffix)?.[1];
  if (exponent === undefined) throw new QuantityError("unable to parse quantity's suffix");
  return { format: "DecimalExponent", ...powerOfTen(Number(exponent)) };
}

function powerOfTen(exponent: number): { numerator: bigint; denominator: bigint } {
  return exponent < 0 ? { numerator: 1n, denominator: 10n ** BigInt(-exponent) } : { numerator: 10n ** BigInt(exponent), denominator: 1n };
}

/** The one way to write an amount: no fraction, the largest suffix that needs none. */
export function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos === 0n) return "0";
  const small = nanos > -1024n * BILLION && nanos < 1024n * BILLION;
  if (format === "BinarySI" && !small) return formatBinary(ceilDivide(nanos, BILLION));
  let exponent = 18;
  while (nanos % 10n ** BigInt(exponent + 9) !== 0n) exponent -= 3;
  const mantissa = nanos / 10n ** BigInt(exponent + 9);
  if (format === "DecimalExponent") return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
  for (const [suffix, power] of decimalSuffix) if (power === exponent) return `${mantissa}${suffix}`;
  return `${mantissa}`;
}

function formatBinary(value: bigint): string {
  let mantissa = value;
  let suffix = "";
  for (const next of binarySuffix.keys()) {
    if (mantissa % 1024n !== 0n) break;
    mantissa /= 1024n;
    suffix = next;
  }
  return `${mantissa}${suffix}`;
}

/** Whole units, rounded up (Quantity.Value). */
export function wholeValue({ nanos }: Quantity): number {
  return Number(ceilDivide(nanos, BILLION));
}

/** Thousandths, rounded up (Quantity.MilliValue). */
export function milliValue({ nanos }: Quantity): number {
  return Number(ceilDivide(nanos, 1_000_000n));
}

/** Away from zero, as Kubernetes rounds. */
function ceilDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  if (value % by === 0n) return quotient;
  return value > 0n ? quotient + 1n : quotient - 1n;
}

export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos - b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

export function compareQuantities(a: Quantity, b: Quantity): -1 | 0 | 1 {
  if (a.nanos === b.nanos) return 0;
  return a.nanos < b.nanos ? -1 : 1;
}
