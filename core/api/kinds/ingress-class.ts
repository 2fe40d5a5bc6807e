/** IngressClasses: who serves an Ingress. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { dns1123Label, dns1123Subdomain, pathSegment } from "../names.ts";
import type { IngressClass, IngressClassParametersReference } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapField } from "./fill.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { domainPrefixedPath } from "./validate/domain-rules.ts";
import { type Errors, check, checkRequired, forbidden, notSupported, required, tooLong } from "./validate/errors.ts";

const column = columnsOf<IngressClass>();
const CONTROLLER_LENGTH = 250;
const SCOPES = ["Cluster", "Namespace"];

export const ingressClassHooks: KindHooks = {
  setDefaults: (object) =>
    mapField(object as unknown as IngressClass, "spec", (spec) => mapField(spec, "parameters", (parameters) => fill(parameters, { scope: "Cluster" }))) as unknown as AnyObject,
  validate: checking<IngressClass>(validate),
  validateUpdate: checkingUpdate<IngressClass>((errors, object, old) => {
    immutable(errors, "spec.controller", object.spec?.controller ?? "", old.spec?.controller);
    validate(errors, object);
  }),
  columns: [
    nameColumn,
    column("Controller", ({ spec }) => spec?.controller ?? ""),
    column("Parameters", ({ spec }) => (spec?.parameters === undefined ? "<none>" : parametersText(spec.parameters))),
    ageColumn,
  ],
};

const parametersText = ({ kind, apiGroup, name }: IngressClassParametersReference) => `${kind}${apiGroup === undefined ? "" : `.${apiGroup}`}/${name}`;

function validate(errors: Errors, { spec }: IngressClass): void {
  const { controller = "", parameters } = spec ?? {};
  if (controller.length > CONTROLLER_LENGTH) tooLong(errors, "spec.controller", CONTROLLER_LENGTH);
  domainPrefixedPath(errors, "spec.controller", controller);
  if (parameters !== undefined) reference(errors, "spec.parameters", parameters);
}

function reference(errors: Errors, at: string, { apiGroup, kind, name, scope, namespace }: IngressClassParametersReference): void {
  if (apiGroup !== undefined) check(errors, `${at}.apiGroup`, apiGroup, dns1123Subdomain);
  checkRequired(errors, `${at}.kind`, kind, pathSegment);
  checkRequired(errors, `${at}.name`, name, pathSegment);
  if (scope === undefined) return required(errors, `${at}.scope`);
  if (!SCOPES.includes(scope)) return notSupported(errors, `${at}.scope`, scope, SCOPES);
  if (scope === "Cluster") {
    if (namespace !== undefined) forbidden(errors, `${at}.namespace`, "`parameters.scope` is set to 'Cluster'");
  } else if (namespace === undefined) required(errors, `${at}.namespace`, "`parameters.scope` is set to 'Namespace'");
  else check(errors, `${at}.namespace`, namespace, dns1123Label);
}
