/**
 * The rules for names, labels and annotation keys (Kubernetes documentation, "Object Names and IDs", "Labels and
 * Selectors"). Each rule is a function from text to the list of what is wrong with it, in Kubernetes' words: users know
 * these sentences and tools match on them.
 */
export type NameRule = (text: string) => readonly string[];

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const UNDERSCORED_LABEL = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const UNDERSCORED = `${UNDERSCORED_LABEL}(\\.${UNDERSCORED_LABEL})*`;
const LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const CONFIG_KEY = "[-._a-zA-Z0-9]+";
const CRON_OFFSET = 11;

const LABEL_LENGTH = 63;
const SUBDOMAIN_LENGTH = 253;

const whole = (pattern: string) => new RegExp(`^${pattern}$`);
const labelPattern = whole(LABEL);
const underscoredPattern = whole(UNDERSCORED);
const subdomainPattern = whole(SUBDOMAIN);
const label1035Pattern = whole(LABEL_1035);
const qualifiedPattern = whole(QUALIFIED);
const labelValuePattern = whole(LABEL_VALUE);
const configKeyPattern = whole(CONFIG_KEY);

function mismatch(message: string, pattern: string, ...examples: readonly string[]): string {
  const such = examples.map((example) => `'${example}', `).join(" or ");
  return examples.length === 0
    ? `${message} (regex used for validation is '${pattern}')`
    : `${message} (e.g. ${such}regex used for validation is '${pattern}')`;
}

/** What is wrong with a length; `unit` as Kubernetes words it for this rule. */
export function tooLong(most: number, unit: "bytes" | "characters" = "bytes"): string {
  return `must be no more than ${most} ${unit}`;
}

const SUBDOMAIN_WRONG = mismatch(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  SUBDOMAIN,
  "example.com",
);
const UNDERSCORED_WRONG = mismatch(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
  UNDERSCORED,
  "example.com",
);
const LABEL_WRONG = mismatch(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  LABEL,
  "my-name",
  "123-abc",
);
const LABEL_1035_WRONG = mismatch(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  LABEL_1035,
  "my-name",
  "abc-123",
);
const QUALIFIED_WRONG = mismatch(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  QUALIFIED,
  "MyName",
  "my.name",
  "123-abc",
);
const LABEL_VALUE_WRONG = mismatch(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  LABEL_VALUE,
  "MyValue",
  "my_value",
  "12345",
);
const CONFIG_KEY_WRONG = mismatch(
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  CONFIG_KEY,
  "key.name",
  "KEY_NAME",
  "key-name",
);

function check(text: string, most: number, pattern: RegExp, wrong: string): readonly string[] {
  if (text.length <= most && pattern.test(text)) return [];
  const errors: string[] = [];
  if (text.length > most) errors.push(tooLong(most, wrong === LABEL_VALUE_WRONG ? "bytes" : "characters"));
  if (!pattern.test(text)) errors.push(wrong);
  return errors;
}

export const dns1123Label: NameRule = (text) => {
  const wrong = check(text, LABEL_LENGTH, labelPattern, LABEL_WRONG);
  return wrong.length > 0 && text.includes(".") && subdomainPattern.test(text) ? wrong.map((one) => (one === LABEL_WRONG ? "must not contain dots" : one)) : wrong;
};
export const dns1123Subdomain: NameRule = (text) => check(text, SUBDOMAIN_LENGTH, subdomainPattern, SUBDOMAIN_WRONG);
/** names of service records have underscores (RFC 2782) */
export const subdomainWithUnderscores: NameRule = (text) => check(text, SUBDOMAIN_LENGTH, underscoredPattern, UNDERSCORED_WRONG);
export const dns1035Label: NameRule = (text) => check(text, LABEL_LENGTH, label1035Pattern, LABEL_1035_WRONG);
export const labelValue: NameRule = (text) => check(text, LABEL_LENGTH, labelValuePattern, LABEL_VALUE_WRONG);

/** RBAC names: anything that can stand in a URL path as one segment. */
export const pathSegment: NameRule = (text) => {
  if (text === "." || text === "..") return [`may not be '${text}'`];
  return forbiddenInPath(text);
};

const forbiddenInPath: NameRule = (text) => ["/", "%"].filter((part) => text.includes(part)).map((part) => `may not contain '${part}'`);

/** Keys of labels, annotations, taints, resources, finalizers: [prefix/]name. */
export const qualifiedName: NameRule = (text) => {
  const parts = text.split("/");
  if (parts.length > 2) {
    return [
      `a valid label key ${mismatch(
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        QUALIFIED,
        "MyName",
        "my.name",
        "123-abc",
      )} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const errors: string[] = [];
  const name = parts.at(-1) ?? "";
  const prefix = parts.length === 2 ? parts[0] : undefined;
  if (prefix === "") errors.push("prefix part must be non-empty");
  else if (prefix !== undefined) errors.push(...dns1123Subdomain(prefix).map((wrong) => `prefix part ${wrong}`));
  if (name === "") errors.push("name part must be non-empty");
  else if (name.length > LABEL_LENGTH) errors.push(`name part ${tooLong(LABEL_LENGTH)}`);
  if (!qualifiedPattern.test(name)) errors.push(`name part ${QUALIFIED_WRONG}`);
  return errors;
};

/** Keys of ConfigMaps and Secrets: also file names in a volume. */
export const configMapKey: NameRule = (text) => {
  const errors = [...check(text, SUBDOMAIN_LENGTH, configKeyPattern, CONFIG_KEY_WRONG)];
  if (text === ".") errors.push("must not be '.'");
  else if (text === "..") errors.push("must not be '..'");
  else if (text.startsWith("..")) errors.push("must not start with '..'");
  return errors;
};

/** What a CronJob adds to its name for each Job, so its own name must be shorter. */
export const CRON_JOB_NAME_LENGTH = 63 - CRON_OFFSET;

const rules = { subdomain: dns1123Subdomain, label: dns1123Label, dns1035: dns1035Label, path: pathSegment, any: () => [] } as const;

/** The rule for metadata.name of a kind (`KindHooks.nameRule`). */
export function nameRule(rule: keyof typeof rules | undefined): NameRule {
  return rules[rule ?? "subdomain"];
}

/** The part of generateName is checked as if more followed: a dash at its end, with the character before it, stands for a letter. */
export function checkPrefix(rule: NameRule, prefix: string): readonly string[] {
  if (rule === pathSegment) return forbiddenInPath(prefix);
  return rule(prefix.endsWith("-") && prefix.length > 1 ? `${prefix.slice(0, -2)}a` : prefix);
}

/** Go's %q for the texts that appear in messages. */
export function quote(text: string): string {
  return JSON.stringify(text).replace(/\\u00([0-9a-f]{2})/g, "\\x$1");
}
