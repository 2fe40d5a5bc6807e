/** APIServices: who serves a group and version. */
import { timestamp } from "../clock.ts";
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { dns1035Label, dns1123Subdomain, pathSegment, quote } from "../names.ts";
import type { APIService } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapField } from "./fill.ts";
import { checking } from "./hook-types.ts";
import { type Errors, check, invalid, isEmpty, notSupported, required } from "./validate/errors.ts";

const column = columnsOf<APIService>();
const HTTPS = 443;
const GROUP_PRIORITY = 20_000;
const VERSION_PRIORITY = 1000;
const STATUSES = ["True", "False", "Unknown"];

export const apiServiceHooks: KindHooks = {
  nameRule: "any",
  generation: "none",
  setDefaults: (object) =>
    mapField(object as unknown as APIService, "spec", (spec) => mapField(spec, "service", (service) => fill(service, { port: HTTPS }))) as unknown as AnyObject,
  prepareForCreate: (object, { now }) => {
    const local = (object as unknown as APIService).spec?.service === undefined;
    const available = { type: "Available", status: "True", lastTransitionTime: timestamp(now), reason: "Local", message: "Local APIServices are always available" };
    return { ...object, status: local ? { conditions: [available] } : {} };
  },
  validate: checking<APIService>(validate),
  validateSubresource: {
    status: checking<APIService>((errors, { status }) => {
      status?.conditions?.forEach((condition, index) => {
        if (!STATUSES.includes(condition.status)) notSupported(errors, `status.conditions[${index}].status`, condition.status, STATUSES);
      });
    }),
  },
  columns: [
    nameColumn,
    column("Service", ({ spec }) => (spec?.service === undefined ? "Local" : `${spec.service.namespace}/${spec.service.name}`)),
    column("Available", availability),
    ageColumn,
  ],
};

function availability({ status }: APIService): string {
  const found = status?.conditions?.find(({ type }) => type === "Available");
  if (found === undefined) return "Unknown";
  return found.status === "True" ? "True" : `${found.status} (${found.reason ?? ""})`;
}

function validate(errors: Errors, { metadata, spec }: APIService): void {
  const { group = "", version = "", groupPriorityMinimum = 0, versionPriority = 0, service, caBundle = "", insecureSkipTLSVerify = false } = spec ?? ({} as Partial<NonNullable<APIService["spec"]>>);
  validateName(errors, metadata.name ?? "", `${version}.${group}`);
  if (group === "" && version !== "v1") required(errors, "spec.group", "only v1 may have an empty group and it better be legacy kube");
  if (group !== "") check(errors, "spec.group", group, dns1123Subdomain);
  check(errors, "spec.version", version, dns1035Label);
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > GROUP_PRIORITY) invalid(errors, "spec.groupPriorityMinimum", groupPriorityMinimum, `must be positive and less than ${GROUP_PRIORITY}`);
  if (versionPriority <= 0 || versionPriority > VERSION_PRIORITY) invalid(errors, "spec.versionPriority", versionPriority, `must be positive and less than ${VERSION_PRIORITY}`);
  if (service === undefined) {
    if (caBundle !== "") invalid(errors, "spec.caBundle", `${Buffer.from(caBundle, "base64").length} bytes`, "local APIServices may not have a caBundle");
    if (insecureSkipTLSVerify) invalid(errors, "spec.insecureSkipTLSVerify", true, "local APIServices may not have insecureSkipTLSVerify");
    return;
  }
  if (isEmpty(service.namespace)) required(errors, "spec.service.namespace");
  if (isEmpty(service.name)) required(errors, "spec.service.name");
  const { port = HTTPS } = service;
  if (port < 1 || port > 65_535) invalid(errors, "spec.service.port", port, "port is not valid: must be between 1 and 65535, inclusive");
  if (insecureSkipTLSVerify && caBundle !== "") invalid(errors, "spec.insecureSkipTLSVerify", true, "may not be true if caBundle is present");
}

function validateName(errors: Errors, name: string, wanted: string): void {
  if (name === "") return;
  const wrong = pathSegment(name);
  for (const why of wrong) invalid(errors, "metadata.name", name, why);
  if (wrong.length === 0 && name !== wanted) invalid(errors, "metadata.name", name, `must be \`spec.version+"."+spec.group\`: ${quote(wanted)}`);
}
