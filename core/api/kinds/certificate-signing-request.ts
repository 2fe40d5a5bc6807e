/** CertificateSigningRequests: who asks for which certificate, and what became of it. */
import { timestamp } from "../clock.ts";
import type { KindHooks, Writer } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestSpec } from "../types.gen.ts";
import { humanDuration } from "./age.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { drop } from "./fill.ts";
import { checking, checkingUpdate } from "./hook-types.ts";
import { type Errors, duplicate, forbidden, invalid, isEmpty, notSupported, required } from "./validate/errors.ts";
import { certificateRequest, pemCertificates } from "./validate/pem.ts";
import { validateSigner } from "./validate/signer.ts";

const column = columnsOf<CertificateSigningRequest>();
const LEAST_SECONDS = 600;
const VERDICTS = ["Approved", "Denied", "Failed"];

const USAGES = [
  "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", "decipher only", "digital signature", "email protection", "encipher only",
  "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping",
];

export const certificateSigningRequestHooks: KindHooks = {
  nameRule: "any",
  generation: "none",
  prepareForCreate: (object, { user }) => {
    const { spec } = object as unknown as CertificateSigningRequest;
    const asked = drop(spec, "username", "uid", "groups", "extra");
    const { name: username, uid, groups, extra } = user;
    const requester = {
      username,
      ...(isEmpty(uid) ? {} : { uid }),
      ...(groups.length === 0 ? {} : { groups: [...groups] }),
      ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra }),
    };
    return { ...object, spec: { ...asked, ...requester }, status: {} };
  },
  // what was asked for stays; what became of it changes through the subresources
  prepareForUpdate: (object, old) => ({ ...object, spec: old["spec"], status: old.status }),
  mergeSubresource: {
    status: (update, old, by) => merge(update, old, by, (status, before) => ({ ...before, ...status, conditions: status.conditions })),
    approval: (update, old, by) => merge(update, old, by, (status, before) => ({ ...before, conditions: status.conditions })),
  },
  validate: checking<CertificateSigningRequest>((errors, object) => validate(errors, object)),
  validateUpdate: checkingUpdate<CertificateSigningRequest>((errors, object, old) => {
    validate(errors, object);
    keepsVerdicts(errors, object, old, []);
  }),
  validateSubresource: {
    status: checkingUpdate<CertificateSigningRequest>((errors, object, old) => {
      validate(errors, object);
      keepsVerdicts(errors, object, old, ["Failed"]);
      if (!isEmpty(old.status?.certificate) && object.status?.certificate !== old.status?.certificate) {
        forbidden(errors, "status.certificate", "updates may not change or remove the certificate once it is set");
      }
    }),
    approval: checkingUpdate<CertificateSigningRequest>((errors, object, old) => {
      validate(errors, object);
      keepsVerdicts(errors, object, old, ["Approved", "Denied"]);
    }),
  },
  selectableFields: { "spec.signerName": (object) => (object as unknown as CertificateSigningRequest).spec.signerName ?? "" },
  columns: [
    nameColumn,
    ageColumn,
    column("SignerName", ({ spec }) => spec.signerName ?? "<none>"),
    column("Requestor", ({ spec }) => spec.username ?? ""),
    column("RequestedDuration", ({ spec }) => (spec.expirationSeconds === undefined ? "<none>" : humanDuration(spec.expirationSeconds * 1000))),
    column("Condition", conditionText),
  ],
};

type Status = NonNullable<CertificateSigningRequest["status"]>;

function merge(update: AnyObject, old: AnyObject, { now }: Writer, join: (status: Status, before: Status) => object): AnyObject {
  const before = (old.status ?? {}) as Status;
  const { conditions, ...rest } = join((update.status ?? {}) as Status, before) as Status;
  const dated = (conditions ?? []).map((condition) => withTimes(condition, before.conditions ?? [], timestamp(now)));
  const { managedFields } = update.metadata;
  return {
    ...old,
    metadata: { ...old.metadata, ...(managedFields === undefined ? {} : { managedFields }) },
    status: { ...rest, ...(dated.length === 0 ? {} : { conditions: dated }) },
  };
}

function withTimes(condition: CertificateSigningRequestCondition, before: readonly CertificateSigningRequestCondition[], now: string): CertificateSigningRequestCondition {
  const old = before.find(({ type, status }) => type === condition.type && status === condition.status);
  return { ...condition, lastUpdateTime: condition.lastUpdateTime ?? now, lastTransitionTime: condition.lastTransitionTime ?? old?.lastTransitionTime ?? now };
}

/** The last verdict of each sort counts. */
function conditionText({ status }: CertificateSigningRequest): string {
  const has = (type: string) => (status?.conditions ?? []).some((condition) => condition.type === type);
  const words = [has("Denied") ? "Denied" : has("Approved") ? "Approved" : "Pending"];
  if (has("Failed")) words.push("Failed");
  if (!isEmpty(status?.certificate)) words.push("Issued");
  return words.join(",");
}

function validate(errors: Errors, { spec, status }: CertificateSigningRequest): void {
  validateSpec(errors, spec);
  validateConditions(errors, status?.conditions ?? []);
  if (!isEmpty(status?.certificate)) for (const why of pemCertificates(status?.certificate ?? "")) invalid(errors, "status.certificate", "<certificate data>", why);
}

function validateSpec(errors: Errors, { request, usages = [], signerName = "", expirationSeconds }: CertificateSigningRequestSpec): void {
  for (const why of certificateRequest(request ?? "")) invalid(errors, "spec.request", request ?? null, why);
  if (usages.length === 0) required(errors, "spec.usages");
  usages.forEach((usage, index) => {
    if (!USAGES.includes(usage)) notSupported(errors, `spec.usages[${index}]`, usage, USAGES);
  });
  const seen = new Set<string>();
  usages.forEach((usage, index) => {
    if (seen.has(usage)) duplicate(errors, `spec.usages[${index}]`, usage);
    seen.add(usage);
  });
  if (signerName === "kubernetes.io/legacy-unknown") invalid(errors, "spec.signerName", signerName, "the legacy signerName is not allowed via this API version");
  else validateSigner(errors, "spec.signerName", signerName);
  if (expirationSeconds !== undefined && expirationSeconds < LEAST_SECONDS) invalid(errors, "spec.expirationSeconds", expirationSeconds, "may not specify a duration less than 600 seconds (10 minutes)");
}

function validateConditions(errors: Errors, conditions: readonly CertificateSigningRequestCondition[]): void {
  const seen = new Set<string>();
  conditions.forEach(({ type = "", status = "" }, index) => {
    const at = `status.conditions[${index}]`;
    if (type === "") required(errors, `${at}.type`);
    const supported = VERDICTS.includes(type) ? ["True"] : ["False", "True", "Unknown"];
    if (status === "") required(errors, `${at}.status`);
    else if (!supported.includes(status)) notSupported(errors, `${at}.status`, status, supported);
    if (seen.has(type)) duplicate(errors, `${at}.type`, type);
    if ((type === "Approved" && seen.has("Denied")) || (type === "Denied" && seen.has("Approved"))) {
      invalid(errors, "status.conditions", type, "Approved and Denied conditions are mutually exclusive");
    }
    seen.add(type);
  });
}

const verdict = ({ status }: Pick<CertificateSigningRequest, "status">, type: string): string => JSON.stringify((status?.conditions ?? []).filter((one) => one.type === type));

/** A verdict is final, and only those who may pass it add one. */
function keepsVerdicts(errors: Errors, { status }: CertificateSigningRequest, old: CertificateSigningRequest, mayAdd: readonly string[]): void {
  for (const type of VERDICTS) {
    const [before, now] = [verdict(old, type), verdict(status === undefined ? {} : { status }, type)];
    if (before === now) continue;
    if (before === "[]") {
      if (!mayAdd.includes(type)) forbidden(errors, "status.conditions", `updates may not add a condition of type "${type}"`);
    } else forbidden(errors, "status.conditions", `updates may not ${now === "[]" ? "remove" : "modify"} a condition of type "${type}"`);
  }
}
