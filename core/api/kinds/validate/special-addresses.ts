/** Addresses that are well formed but cannot be those of endpoints or of services. */
import { isIPv6 } from "node:net";
import { type Errors, invalid } from "./errors.ts";

const SPECIAL: readonly (readonly [v4: RegExp, v6: RegExp, why: string])[] = [
  [/^0\.0\.0\.0$/, /^[0:]+$/, "may not be unspecified (0.0.0.0 or ::)"],
  [/^127\./, /^[0:]*:0*1$/, "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
  [/^169\.254\./, /^fe[89ab]/i, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
  [/^224\.0\.0\./, /^ff02:/i, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"],
];

export function notSpecialAddress(errors: Errors, field: string, address: string): void {
  for (const [v4, v6, why] of SPECIAL) if ((isIPv6(address) ? v6 : v4).test(address)) invalid(errors, field, address, why);
}
