/** Rules for texts that are no names of objects: ports, environment variables, addresses, paths. */
import { tooLong } from "../../names.ts";
import type { NameRule } from "../../names.ts";

const PORT_NAME_LENGTH = 15;

export const portName: NameRule = (text) => {
  const errors: string[] = [];
  if (text.length > PORT_NAME_LENGTH) errors.push(tooLong(PORT_NAME_LENGTH, "characters"));
  if (!/^[-a-z0-9]+$/.test(text)) errors.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (!/[a-z]/.test(text)) errors.push("must contain at least one letter (a-z)");
  if (text.includes("--")) errors.push("must not contain consecutive hyphens");
  if (text.startsWith("-") || text.endsWith("-")) errors.push("must not begin or end with a hyphen");
  return errors;
};

/** KEP-4369: any printable character but the equals sign. */
export const envName: NameRule = (text) =>
  /^[ -<>-~]+$/.test(text) ? [] : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];

const HEADER = "[-A-Za-z0-9]+";
export const httpHeaderName: NameRule = (text) =>
  new RegExp(`^${HEADER}$`).test(text) ? [] : [`a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '${HEADER}')`];

/** No way up out of a volume. */
export const noDotDot: NameRule = (text) => (text.split("/").includes("..") ? ["must not contain '..'"] : []);

/** A path below something: relative, and staying there. */
export const descendingPath: NameRule = (text) => [...(text.startsWith("/") ? ["must be a relative path"] : []), ...noDotDot(text)];

/** A file that is written into a volume: names that begin with two dots are taken by the swap of versions. */
export const fileInVolume: NameRule = (text) => [...descendingPath(text), ...(text.startsWith("..") && !text.startsWith("../") ? ["must not start with '..'"] : [])];

const SYSCTL = "([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const sysctlPattern = new RegExp(`^${SYSCTL}$`);
const SYSCTL_LENGTH = 253;
export const sysctlName: NameRule = (text) =>
  text.length <= SYSCTL_LENGTH && sysctlPattern.test(text) ? [] : [`must have at most ${SYSCTL_LENGTH} characters and match regex ^${SYSCTL}$`];

/** "acme.io/foo": who owns a word is part of it. */
export const domainPrefixed = (text: string, rule: NameRule): readonly string[] => {
  const slash = text.indexOf("/");
  const path = text.slice(slash + 1);
  if (slash <= 0 || path === "") return ['must be a domain-prefixed path (such as "acme.io/foo")'];
  const errors = [...rule(text.slice(0, slash))];
  if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(path)) errors.push("Invalid path");
  return errors;
};
