/** Addresses that old fields accept although they are not in the one form that IP addresses should have (KEP-4858). */
import { quote } from "../names.ts";
import type { NameRule } from "../names.ts";
import { canonicalCidr, canonicalIp } from "./validate/addresses.ts";

export function addressWarnings(path: string, address: string): readonly string[] {
  const form = canonicalForm(canonicalIp, address);
  return form === undefined ? [] : [`${path}: IPv6 address ${quote(address)} should be in RFC 5952 canonical format (${quote(form)})`];
}

export function rangeWarnings(path: string, range: string): readonly string[] {
  const form = canonicalForm(canonicalCidr, range);
  return form === undefined ? [] : [`${path}: IPv6 CIDR value ${quote(range)} should be in RFC 5952 canonical format (${quote(form)})`];
}

/** undefined: the text has it, or is no address at all */
const canonicalForm = (rule: NameRule, text: string): string | undefined => /^must be in canonical form \("(.*)"\)$/.exec(rule(text)[0] ?? "")?.[1];
