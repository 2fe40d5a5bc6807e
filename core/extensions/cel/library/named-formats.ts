/** format.dns1123Label().validate(text) and its kin (KEP-4358): nothing when the text is right, else what is wrong. */
import { type Environment, Optional } from "@marcbachmann/cel-js";
import { checkPrefix, dns1035Label, dns1123Label, dns1123Subdomain, labelValue, type NameRule, qualifiedName } from "../../../api/names.ts";
import { stringFormat } from "../../schema/formats.ts";

class NamedFormat {
  readonly name: string;
  readonly rule: NameRule;
  constructor(name: string, rule: NameRule) {
    this.name = name;
    this.rule = rule;
  }
}

const ofSchema =
  (format: string, wrong: string): NameRule =>
  (text) =>
    stringFormat(format)?.(text) === false ? [wrong] : [];

const prefixOf =
  (rule: NameRule): NameRule =>
  (text) =>
    checkPrefix(rule, text);

const rules: { readonly [name: string]: NameRule } = {
  dns1123Label,
  dns1123Subdomain,
  dns1035Label,
  qualifiedName,
  dns1123LabelPrefix: prefixOf(dns1123Label),
  dns1123SubdomainPrefix: prefixOf(dns1123Subdomain),
  dns1035LabelPrefix: prefixOf(dns1035Label),
  labelValue,
  uri: ofSchema("uri", "invalid URI"),
  uuid: ofSchema("uuid", "does not match the UUID format"),
  byte: ofSchema("byte", "invalid base64"),
  date: ofSchema("date", "invalid date"),
  datetime: ofSchema("datetime", "invalid datetime"),
};

class FormatFunctions {
  readonly namespace = "format";
}

export function namedFormats(environment: Environment): void {
  environment.registerType("kubernetes.NamedFormat", { ctor: NamedFormat, fields: {} });
  environment.registerType("FormatFunctions", { ctor: FormatFunctions, fields: {} });
  environment.registerConstant("format", "FormatFunctions", new FormatFunctions());
  const add = (signature: string, handler: (...given: never[]) => unknown) => environment.registerFunction(signature, handler as never, { async: false } as never);
  for (const [name, rule] of Object.entries(rules)) {
    const format = new NamedFormat(name, rule);
    add(`FormatFunctions.${name}(): kubernetes.NamedFormat`, () => format);
  }
  add("FormatFunctions.named(string): optional<kubernetes.NamedFormat>", (_: unknown, name: string) => {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    return rule === undefined ? Optional.none() : Optional.of(new NamedFormat(name, rule));
  });
  add("kubernetes.NamedFormat.validate(string): optional<list<string>>", ({ rule }: NamedFormat, text: string) => {
    const wrong = rule(text);
    return wrong.length === 0 ? Optional.none() : Optional.of([...wrong]);
  });
}
