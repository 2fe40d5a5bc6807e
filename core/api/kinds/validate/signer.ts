/** Names of signers of certificates: "example.com/signer-name". */
import { dns1123Label, dns1123Subdomain, type NameRule, quote } from "../../names.ts";
import { type Errors, invalid, required, tooLong } from "./errors.ts";

const DOMAIN_LENGTH = 253;
/** domain, slash, and a path of a namespace, a dot and a name */
const SIGNER_LENGTH = 571;

export function validateSigner(errors: Errors, at: string, name: string): void {
  if (name === "") return required(errors, at);
  const segments = name.split("/");
  if (segments.length !== 2) return invalid(errors, at, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
  const [domain = "", path = ""] = segments;
  if (domain.length > DOMAIN_LENGTH) tooLong(errors, at, DOMAIN_LENGTH);
  labels(errors, at, domain, dns1123Label);
  if (!domain.includes(".")) invalid(errors, at, domain, "should be a domain with at least two segments separated by dots");
  labels(errors, at, path, dns1123Subdomain);
  if (name.length > SIGNER_LENGTH) tooLong(errors, at, SIGNER_LENGTH);
}

/** The first part that is wrong is enough. */
function labels(errors: Errors, at: string, text: string, rule: NameRule): void {
  for (const label of text.split(".")) {
    const wrong = rule(label);
    if (wrong.length === 0) continue;
    for (const why of wrong) invalid(errors, at, text, `validating label ${quote(label)}: ${why}`);
    return;
  }
}
