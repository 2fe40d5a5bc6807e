/**
 * The canonical text of a quantity, as the API stores it: "1024Mi" is "1Gi", "0.5" is "500m", "1000" is "1k". Rules and
 * bounds: apimachinery resource.Quantity. Whole numbers of nano units are exact; a smaller fraction is rounded away from 0.
 * What Kubernetes takes for canonical at a glance stays as it was written, "01" and "+1" and "1.500" too.
 */
import { badRequest } from "../status.ts";

type Format = "decimal" | "binary" | "exponent";

const decimalExponents: { readonly [suffix: string]: number } = {
  n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18,
};
const decimalSuffixes = new Map(Object.entries(decimalExponents).map(([suffix, exponent]) => [exponent, suffix]));
const binarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

const NANO = 1_000_000_000n;
/** Larger binary amounts are cut to this, 2^63-1. */
const MAX_NANO = (2n ** 63n - 1n) * NANO;
/** An exponent beyond this says nothing about anything that exists; the bound is for the time to compute with it. */
const MAX_EXPONENT = 400;
/** Digits that Kubernetes reads as a machine word, so that it can take the text as it is. */
const WORD_DIGITS = 18;
const BINARY_DIGITS = 14;

/** Nano units of 2^63 have 28 digits; the time to read a number grows with the square of its length. */
const MAX_LENGTH = 128;

const wrongFormat = () =>
  badRequest("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");

/** The pods of one template repeat the same few texts thousands of times. */
const known = new Map<string, string>();
const KNOWN_LIMIT = 10_000;

/** Throws BadRequest with apimachinery's words. */
export function canonicalQuantity(text: string): string {
  let canonical = known.get(text);
  if (canonical !== undefined) return canonical;
  canonical = canonicalOf(text);
  if (known.size >= KNOWN_LIMIT) known.clear();
  known.set(text, canonical);
  return canonical;
}

function canonicalOf(text: string): string {
  if (text.length > MAX_LENGTH) throw wrongFormat();
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/.exec(text.trim());
  const [, sign = "", whole = "", fraction = "", suffix = ""] = parts ?? [];
  if (parts === null || whole + fraction === "") throw wrongFormat();
  const { format, multiplier, exponent } = readSuffix(suffix);
  if (staysAsWritten({ whole, fraction, format, exponent: format === "binary" ? binarySuffixes.indexOf(suffix) * 10 : exponent })) return text.trim();
  // amount in nano units, rounded up
  const power = 9 + exponent - fraction.length;
  const digits = BigInt(whole + fraction) * multiplier;
  let nano = power >= 0 ? digits * 10n ** BigInt(power) : roundUp(digits, 10n ** BigInt(-power));
  if (format === "binary" && nano > MAX_NANO) nano = MAX_NANO;
  if (nano === 0n) return "0";
  return (sign === "-" ? "-" : "") + write(nano, format);
}

interface Written {
  readonly whole: string;
  readonly fraction: string;
  readonly format: Format;
  /** of 10, of 2 for binary amounts */
  readonly exponent: number;
}

function staysAsWritten({ whole, fraction, format, exponent }: Written): boolean {
  const units = whole.replace(/^0+/, "") || "0";
  const digits = units + fraction;
  if (format === "binary") return fraction === "" && units.length + Math.floor(exponent * 0.3) <= BINARY_DIGITS && BigInt(units) % 8n !== 0n;
  const scale = exponent - fraction.length;
  return digits.length <= WORD_DIGITS && scale >= -9 && scale % 3 === 0 && !digits.endsWith("000") && !digits.startsWith("0");
}

function readSuffix(suffix: string): { format: Format; multiplier: bigint; exponent: number } {
  if (Object.hasOwn(decimalExponents, suffix)) return { format: "decimal", multiplier: 1n, exponent: decimalExponents[suffix] ?? 0 };
  const binary = binarySuffixes.indexOf(suffix);
  if (binary > 0) return { format: "binary", multiplier: 1024n ** BigInt(binary), exponent: 0 };
  const exponent = /^[eE]([+-]?\d+)$/.exec(suffix)?.[1];
  if (exponent === undefined) throw badRequest("unable to parse quantity's suffix");
  return { format: "exponent", multiplier: 1n, exponent: Math.max(-MAX_EXPONENT, Math.min(MAX_EXPONENT, Number(exponent))) };
}

const roundUp = (value: bigint, by: bigint) => (value + by - 1n) / by;

function write(nano: bigint, format: Format): string {
  // below 1024 a binary amount reads better, and exactly, as a decimal one
  if (format === "binary" && nano >= 1024n * NANO) {
    let amount = roundUp(nano, NANO);
    let power = 0;
    while (amount % 1024n === 0n && power < binarySuffixes.length - 1) {
      amount /= 1024n;
      power++;
    }
    return `${amount}${binarySuffixes[power]}`;
  }
  let amount = nano;
  let exponent = -9;
  const most = format === "exponent" ? Infinity : 18;
  while (amount % 1000n === 0n && exponent < most) {
    amount /= 1000n;
    exponent += 3;
  }
  if (format === "exponent") return exponent === 0 ? `${amount}` : `${amount}e${exponent}`;
  return `${amount}${decimalSuffixes.get(exponent)}`;
}
