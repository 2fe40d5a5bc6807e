/** Admission webhooks: who is asked about which requests. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { validateLabelSelector } from "../selector.ts";
import type { MutatingWebhook, MutatingWebhookConfiguration } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapAll, mapField } from "./fill.ts";
import { checking } from "./hook-types.ts";
import { FAILURE_POLICIES, MATCH_POLICIES, optionalOneOf, validateMatchConditions, validateReviewVersions, validateRuleWithOperations } from "./validate/admission-rules.ts";
import { fullyQualifiedName } from "./validate/domain-rules.ts";
import { type Errors, duplicate, invalid, notSupported, required } from "./validate/errors.ts";
import { validateClientConfig } from "./validate/webhook-client.ts";

/** A validating webhook has the fields of a mutating one but for reinvocationPolicy. */
type Webhook = MutatingWebhook;

const column = columnsOf<MutatingWebhookConfiguration>();
const SIDE_EFFECTS = ["None", "NoneOnDryRun"];
const REINVOCATION = ["IfNeeded", "Never"];
const TIMEOUT_SECONDS = { default: 10, least: 1, most: 30 };

const common = {
  failurePolicy: "Fail",
  matchPolicy: "Equivalent",
  namespaceSelector: {},
  objectSelector: {},
  timeoutSeconds: TIMEOUT_SECONDS.default,
};

export const validatingWebhookHooks = webhookHooks(common);
export const mutatingWebhookHooks = webhookHooks({ ...common, reinvocationPolicy: "Never" });

function webhookHooks(defaults: { readonly [field: string]: unknown }): KindHooks {
  const withDefaults = (webhook: Webhook): Webhook => {
    const withService = mapField(webhook, "clientConfig", (config) => mapField(config, "service", (service) => fill(service, { port: 443 })));
    return fill(
      mapField(withService, "rules", (rules) => mapAll(rules, (rule) => fill(rule, { scope: "*" }))),
      defaults,
    );
  };
  return {
    setDefaults: (object) => mapField(object as unknown as MutatingWebhookConfiguration, "webhooks", (webhooks) => mapAll(webhooks, withDefaults)) as unknown as AnyObject,
    validate: checking<MutatingWebhookConfiguration>(validate),
    columns: [nameColumn, column("Webhooks", ({ webhooks = [] }) => webhooks.length, { type: "integer" }), ageColumn],
  };
}

function validate(errors: Errors, { webhooks = [] }: MutatingWebhookConfiguration): void {
  const names = new Set<string>();
  webhooks.forEach((webhook, index) => {
    const at = `webhooks[${index}]`;
    const { name = "" } = webhook;
    validateWebhook(errors, at, webhook);
    validateReviewVersions(errors, `${at}.admissionReviewVersions`, webhook.admissionReviewVersions);
    if (name !== "" && names.has(name)) duplicate(errors, `${at}.name`, name);
    names.add(name);
  });
}

function validateWebhook(errors: Errors, at: string, webhook: Webhook): void {
  const { sideEffects, timeoutSeconds, namespaceSelector, objectSelector } = webhook;
  fullyQualifiedName(errors, `${at}.name`, webhook.name ?? "");
  webhook.rules?.forEach((rule, index) => validateRuleWithOperations(errors, `${at}.rules[${index}]`, rule));
  optionalOneOf(errors, `${at}.failurePolicy`, webhook.failurePolicy, FAILURE_POLICIES);
  optionalOneOf(errors, `${at}.matchPolicy`, webhook.matchPolicy, MATCH_POLICIES);
  if (sideEffects === undefined) required(errors, `${at}.sideEffects`, `must specify one of ${SIDE_EFFECTS.join(", ")}`);
  else if (!SIDE_EFFECTS.includes(sideEffects)) notSupported(errors, `${at}.sideEffects`, sideEffects, SIDE_EFFECTS);
  if (timeoutSeconds !== undefined && (timeoutSeconds > TIMEOUT_SECONDS.most || timeoutSeconds < TIMEOUT_SECONDS.least)) {
    invalid(errors, `${at}.timeoutSeconds`, timeoutSeconds, `the timeout value must be between ${TIMEOUT_SECONDS.least} and ${TIMEOUT_SECONDS.most} seconds`);
  }
  if (namespaceSelector !== undefined) errors.push(...validateLabelSelector(namespaceSelector, `${at}.namespaceSelector`));
  if (objectSelector !== undefined) errors.push(...validateLabelSelector(objectSelector, `${at}.objectSelector`));
  optionalOneOf(errors, `${at}.reinvocationPolicy`, webhook.reinvocationPolicy, REINVOCATION);
  validateClientConfig(errors, `${at}.clientConfig`, webhook.clientConfig);
  validateMatchConditions(errors, `${at}.matchConditions`, webhook.matchConditions);
}
