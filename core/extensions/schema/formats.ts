/**
 * The string formats that Kubernetes checks (kube-openapi strfmt). An unknown format is no rule at all, only a warning for
 * who writes the schema.
 */
import { isIP, isIPv4, isIPv6 } from "node:net";
import { dns1123Label, dns1123Subdomain } from "../../api/names.ts";

type Check = (text: string) => boolean;

const matches =
  (pattern: RegExp): Check =>
  (text) =>
    pattern.test(text);

const HOSTNAME =
  /^(?:[a-zA-Z0-9\p{S}\p{L}](?:-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?|(?:[a-zA-Z0-9\p{S}\p{L}](?:[a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?\.)+[a-zA-Z\p{L}]{2,63})$/u;
const uuid = (version: string) => matches(new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, "i"));

function isDate(text: string): boolean {
  const [whole, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  if (whole === undefined) return false;
  const date = new Date(`${whole}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.getUTCFullYear() === Number(year) && date.getUTCMonth() + 1 === Number(month) && date.getUTCDate() === Number(day);
}

function isDateTime(text: string): boolean {
  const [whole, day = ""] = /^(\d{4}-\d{2}-\d{2})[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-]\d{2}:?\d{2})?$/.exec(text) ?? [];
  return whole !== undefined && isDate(day);
}

/** Go durations, and the words that strfmt takes ("3 days"). */
const DURATION = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*$/;
const WORDED = /^(?:\d+\s*(?:ns|nano(?:second)?s?|us|µs|micro(?:second)?s?|ms|milli(?:second)?s?|s|sec(?:ond)?s?|m|min(?:ute)?s?|h|hr|hours?|d|days?|w|wk|weeks?)\s*)+$/i;
const isDuration: Check = (text) => text === "0" || DURATION.test(text) || WORDED.test(text);

/** url.ParseRequestURI: a path from the root, or an address with a scheme */
function isRequestUri(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  if (text === "" || /[\u0000-\u0020\u007f]/.test(text)) return false;
  if (text.startsWith("/")) return true;
  return /^[A-Za-z][A-Za-z0-9+.-]*:.+/.test(text) && !/%(?![0-9A-Fa-f]{2})/.test(text) && (!/^[^:]+:\/\//.test(text) || URL.canParse(text.replace(/^[^:]+/, "http")));
}

function isCidr(text: string): boolean {
  const [, address = "", bits = ""] = /^([^/%]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  return isIP(address) !== 0 && Number(bits) <= (isIPv4(address) ? 32 : 128);
}

function isCreditCard(text: string): boolean {
  const digits = text.replace(/[^\d]/g, "");
  if (!/^\d{13,16}$/.test(digits)) return false;
  let sum = 0;
  for (const [index, digit] of [...digits].toReversed().entries()) {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[\s-]/g, "");
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  let sum = 0;
  for (const [index, digit] of [...digits].entries()) sum += (10 - index) * (digit === "X" ? 10 : Number(digit));
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[\s-]/g, "");
  if (!/^\d{13}$/.test(digits)) return false;
  let sum = 0;
  for (const [index, digit] of [...digits].entries()) sum += Number(digit) * (index % 2 === 0 ? 1 : 3);
  return sum % 10 === 0;
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const anything: Check = () => true;

export const stringFormats: { readonly [format: string]: Check } = {
  bsonobjectid: matches(/^[0-9a-f]{24}$/i),
  uri: isRequestUri,
  email: matches(/^[^\s@<>(),;:"[\]\\]+@[^\s@<>(),;:"[\]\\]+$/),
  hostname: (text) => text.length <= 255 && HOSTNAME.test(text),
  ipv4: (text) => isIPv4(text),
  ipv6: (text) => isIPv6(text) && !text.includes("%"),
  cidr: isCidr,
  mac: matches(/^(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5}(?:(?::[0-9a-f]{2}){2})?|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}(?:(?:-[0-9a-f]{2}){2})?|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2,3})$/i),
  uuid: matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i),
  uuid3: uuid("3"),
  uuid4: matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i),
  uuid5: matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matches(/^#?(?:[0-9a-f]{3}|[0-9a-f]{6})$/i),
  rgbcolor: matches(/^rgb\(\s*(?:25[0-5]|2[0-4]\d|1?\d?\d)\s*(?:,\s*(?:25[0-5]|2[0-4]\d|1?\d?\d)\s*){2}\)$/),
  byte: matches(base64),
  password: anything,
  date: isDate,
  datetime: isDateTime,
  duration: isDuration,
  "k8s-short-name": (text) => dns1123Label(text).length === 0,
  "k8s-long-name": (text) => dns1123Subdomain(text).length === 0,
};

const numberFormats: ReadonlySet<string> = new Set(["int32", "int64", "float", "double"]);

/** "date-time" and "datetime" are one */
const plain = (format: string) => (Object.hasOwn(stringFormats, format) ? format : format.replaceAll("-", ""));

export function isKnownFormat(format: string): boolean {
  return numberFormats.has(format) || Object.hasOwn(stringFormats, plain(format));
}

/** undefined: not a format of strings */
export function stringFormat(format: string): Check | undefined {
  const name = plain(format);
  return Object.hasOwn(stringFormats, name) ? stringFormats[name] : undefined;
}
