/**
 * Admission webhooks as admission plugins (KEP-492): the mutating ones one after the other in the order of their names, the
 * validating ones all at once.
 */
import type { AdmissionPlugin, AdmissionRequest } from "../../admission/admission.ts";
import type { Entropy } from "../../api/entropy.ts";
import { forbidden } from "../../admission/forbidden.ts";
import { sameJson } from "../../api/json.ts";
import type { Kind } from "../../api/kinds.ts";
import type { AnyObject, KubeObject } from "../../api/meta.ts";
import { ApiError, badRequest } from "../../api/status.ts";
import type { MutatingWebhook, MutatingWebhookConfiguration, ValidatingWebhook, ValidatingWebhookConfiguration } from "../../api/types.gen.ts";
import type { Ask } from "../cel/library/authorizer.ts";
import { compileConditions, type Condition, judgeConditions } from "../matching/conditions.ts";
import { requestEnvironment, requestVariables } from "../matching/request-environment.ts";
import { compileMatcher, convert, type Matcher, type MatchParts } from "../matching/rules.ts";
import { compiledOnce } from "../policies/cache.ts";
import type { Changes } from "../policies/mutating.ts";
import type { Connections } from "./connections.ts";
import { endpointOf, UnreachableError } from "./endpoint.ts";
import { type Answer, readAnswer, refusal, reviewOf, type ReviewVersion } from "./review.ts";

export interface WebhookParts extends MatchParts {
  readonly connections: Connections;
  readonly ask: Ask;
  readonly changes: Changes;
  readonly entropy: Pick<Entropy, "uid">;
  /** by name; empty until there are caches */
  readonly mutating: () => readonly MutatingWebhookConfiguration[];
  readonly validating: () => readonly ValidatingWebhookConfiguration[];
}

/** Seconds that a webhook has when it does not say, as admissionregistration/v1 defaults. */
const TIMEOUT_SECONDS = 10;

type Webhook = ValidatingWebhook & Partial<Pick<MutatingWebhook, "reinvocationPolicy">>;

interface Compiled {
  readonly webhook: Webhook;
  readonly matcher: Matcher;
  readonly conditions: readonly Condition[];
}

type Mutable = AdmissionRequest & { readonly object: AnyObject };

export function webhookPlugins(parts: WebhookParts): readonly [mutating: AdmissionPlugin, validating: AdmissionPlugin] {
  const { lookup, ask, changes, entropy } = parts;
  const compiled = compiledOnce(({ webhooks = [] }: KubeObject & { readonly webhooks?: readonly Webhook[] }): readonly Compiled[] => webhooks.map((webhook) => compile(webhook, parts)));

  /** The version to show the object in; undefined: the webhook is not to be asked. */
  async function concerned({ webhook, matcher, conditions }: Compiled, request: AdmissionRequest): Promise<Kind | undefined> {
    const shown = matcher(request);
    if (shown === undefined || conditions.length === 0) return shown;
    const verdict = await judgeConditions(conditions, { ...(await requestVariables(request, shown, { lookup, ask })) });
    if ("holds" in verdict) return verdict.holds ? shown : undefined;
    if (webhook.failurePolicy === "Ignore") return undefined;
    throw forbidden(request.kind, request.name, verdict.failure);
  }

  /** The operations it wants. @throws ApiError when it refuses, or could not be asked and that is not to be ignored */
  async function call(webhook: Webhook, request: AdmissionRequest, shown: Kind, mutating: boolean): Promise<readonly unknown[]> {
    if (request.dryRun && webhook.sideEffects !== "None" && webhook.sideEffects !== "NoneOnDryRun") {
      throw badRequest(`admission webhook ${JSON.stringify(webhook.name)} does not support dry run`);
    }
    try {
      const answer = await exchange(webhook, request, shown, mutating);
      for (const warning of answer.warnings) request.warn(warning);
      if (!answer.allowed) throw refusal(webhook.name, answer.status);
      return answer.operations();
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      if (webhook.failurePolicy === "Ignore") return [];
      throw internal(`failed calling webhook ${JSON.stringify(webhook.name)}: ${error.message}`);
    }
  }

  async function exchange(webhook: Webhook, request: AdmissionRequest, shown: Kind, mutating: boolean): Promise<Answer> {
    const seconds = webhook.timeoutSeconds ?? TIMEOUT_SECONDS;
    const version: ReviewVersion = webhook.admissionReviewVersions.find((each) => each === "v1" || each === "v1beta1") ?? "v1";
    const uid = entropy.uid();
    const review = await reviewOf(request, shown, version, uid);
    return readAnswer(await post(webhook, review, seconds), { version, uid, mutating });
  }

  async function post({ clientConfig }: Webhook, review: object, seconds: number): Promise<unknown> {
    try {
      return await parts.connections.post(await endpointOf(clientConfig, seconds, lookup), review, seconds * 1000);
    } catch (error) {
      throw error instanceof UnreachableError ? new UnreachableError(`failed to call webhook: ${error.message}`, { cause: error }) : error;
    }
  }

  async function change(each: Compiled, request: Mutable): Promise<AnyObject> {
    const shown = await concerned(each, request);
    const operations = shown === undefined ? [] : await call(each.webhook, request, shown, true);
    if (shown === undefined || operations.length === 0) return request.object;
    const before = await convert(request.object, request.kind, shown);
    return await convert(patched(shown, before, operations), shown, request.kind);
  }

  /** A patch that does not fit is a mistake that no failure policy forgives. */
  function patched(shown: Kind, object: AnyObject, operations: readonly unknown[]): AnyObject {
    try {
      return changes.finish(shown, changes.patch(object, operations));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const { cause } = error;
      throw internal(cause instanceof Error ? cause.message : error.message);
    }
  }

  /** What is deleted cannot be changed on the way. */
  async function mutateDeletion(request: AdmissionRequest): Promise<void> {
    if (request.operation !== "DELETE") return;
    for (const each of inOrder(parts.mutating()).flatMap(compiled)) {
      const shown = await concerned(each, request);
      const operations = shown === undefined ? [] : await call(each.webhook, request, shown, true);
      if (operations.length > 0) throw internal(`admission webhook ${JSON.stringify(each.webhook.name)} attempted to modify the object, which is not supported for this operation`);
    }
  }

  /** Those that ask for it see once more what others made of the object after them. */
  async function mutate(request: Mutable): Promise<AnyObject> {
    const all = inOrder(parts.mutating()).flatMap(compiled);
    const seen = new Map<Compiled, AnyObject>();
    let object = request.object;
    for (const each of all) {
      object = await change(each, { ...request, object });
      if (each.webhook.reinvocationPolicy === "IfNeeded") seen.set(each, object);
    }
    for (const [each, last] of seen) if (!sameJson(last, object)) object = await change(each, { ...request, object });
    return object;
  }

  async function validate(request: AdmissionRequest): Promise<void> {
    const all = inOrder(parts.validating()).flatMap(compiled);
    await Promise.all(
      all.map(async (each) => {
        const shown = await concerned(each, request);
        if (shown !== undefined) await call(each.webhook, request, shown, false);
      }),
    );
  }

  return [
    { name: "MutatingAdmissionWebhook", handles: () => parts.mutating().length > 0, mutate, validate: mutateDeletion },
    { name: "ValidatingAdmissionWebhook", handles: () => parts.validating().length > 0, validate },
  ];
}

function inOrder<T extends KubeObject>(configurations: readonly T[]): readonly T[] {
  return configurations.toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
}

function compile(webhook: Webhook, parts: MatchParts): Compiled {
  const { rules = [], matchPolicy, namespaceSelector, objectSelector, matchConditions = [] } = webhook;
  return {
    webhook,
    matcher: compileMatcher({ rules, matchPolicy, namespaceSelector, objectSelector }, parts),
    conditions: matchConditions.length === 0 ? [] : compileConditions(requestEnvironment(), matchConditions),
  };
}

function internal(message: string): ApiError {
  return new ApiError("InternalError", `Internal error occurred: ${message}`, { details: { causes: [{ message }] } });
}
