/** Rules for names of the web: hosts with wildcards, fully qualified names, paths under a domain. */
import { dns1123Label, dns1123Subdomain, type NameRule, tooLong } from "../../names.ts";
import { type Errors, check, invalid, required } from "./errors.ts";

const SUBDOMAIN_LENGTH = 253;
const WILDCARD = "\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const wildcardPattern = new RegExp(`^${WILDCARD}$`);

/** "*.example.com" */
export const wildcardSubdomain: NameRule = (text) => {
  const errors: string[] = [];
  if (text.length > SUBDOMAIN_LENGTH) errors.push(tooLong(SUBDOMAIN_LENGTH));
  if (!wildcardPattern.test(text)) {
    errors.push(
      "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character " +
        `(e.g. '*.example.com', regex used for validation is '${WILDCARD}')`,
    );
  }
  return errors;
};

/** A name with at least three labels: "hook.example.com". */
export function fullyQualifiedName(errors: Errors, field: string, name: string): void {
  if (name === "") return required(errors, field);
  const before = errors.length;
  check(errors, field, name, dns1123Subdomain);
  if (errors.length === before && name.split(".").length < 3) invalid(errors, field, name, "should be a domain with at least three segments separated by dots");
}

/** A domain name with at least two labels, the last dot may be there: "example.com.". */
export function fullyQualifiedDomain(errors: Errors, field: string, name: string): void {
  if (name === "") return required(errors, field);
  const text = name.endsWith(".") ? name.slice(0, -1) : name;
  const before = errors.length;
  check(errors, field, text, dns1123Subdomain);
  if (errors.length > before) return;
  const labels = text.split(".");
  if (labels.length < 2) return invalid(errors, field, name, "should be a domain with at least two segments separated by dots");
  for (const label of labels) check(errors, field, label, dns1123Label);
}

const PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const pathPattern = new RegExp(`^${PATH}$`);

/** "acme.io/foo" */
export function domainPrefixedPath(errors: Errors, field: string, text: string): void {
  if (text === "") return required(errors, field);
  const slash = text.indexOf("/");
  const [domain, path] = slash < 0 ? ["", ""] : [text.slice(0, slash), text.slice(slash + 1)];
  if (domain === "" || path === "") return invalid(errors, field, text, 'must be a domain-prefixed path (such as "acme.io/foo")');
  for (const wrong of dns1123Subdomain(domain)) invalid(errors, field, domain, wrong);
  if (!pathPattern.test(path)) {
    invalid(errors, field, path, `Invalid path (regex used for validation is '${PATH}')`);
  }
}
