/** LimitRanges of the namespace: defaults for containers that say nothing, then minima, maxima and ratios. */
import type { AnyObject } from "../api/meta.ts";
import type { ResourceAmounts } from "../api/pod-resources.ts";
import { statedLimits, statedRequests } from "../api/pod-resources.ts";
import { compareQuantities, formatQuantity, parseQuantity } from "../api/quantity.ts";
import { LIMIT_RANGES } from "../api/resources.gen.ts";
import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod, PodSpec } from "../api/types.gen.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { forbidden } from "./forbidden.ts";
import type { Lookup } from "./lookup.ts";

const ANNOTATION = "kubernetes.io/limit-ranger";
type Amounts = { readonly [resource: string]: string };

export function limitRanger({ lookup }: { readonly lookup: Pick<Lookup, "list"> }): AdmissionPlugin {
  const itemsOf = async ({ namespace }: AdmissionRequest) => (await lookup.list(LIMIT_RANGES, namespace ?? "")).flatMap((range: LimitRange) => range.spec?.limits ?? []);
  return {
    name: "LimitRanger",
    handles: ({ kind, operation, subresource }) =>
      subresource === undefined &&
      kind.group === "" &&
      ((kind.plural === "pods" && operation === "CREATE") || (kind.plural === "persistentvolumeclaims" && (operation === "CREATE" || operation === "UPDATE"))),
    async mutate(request) {
      if (request.kind.plural !== "pods") return request.object;
      return withDefaults(request.object, await itemsOf(request));
    },
    async validate(request) {
      const items = await itemsOf(request);
      const problems = request.kind.plural === "pods" ? podProblems(request.object as unknown as Pod, items) : claimProblems(request.object as unknown as PersistentVolumeClaim, items);
      if (problems.length > 0) throw forbidden(request.kind, request.name, problems.length === 1 ? `${problems[0]}` : `[${problems.join(", ")}]`);
    },
  };
}

function withDefaults(object: AnyObject, items: readonly LimitRangeItem[]): AnyObject {
  const limits: Amounts = Object.assign({}, ...items.filter(({ type }) => type === "Container").map((item) => item.default ?? {})) as Amounts;
  const requests: Amounts = Object.assign({}, ...items.filter(({ type }) => type === "Container").map((item) => item.defaultRequest ?? {})) as Amounts;
  const { spec, metadata } = object as unknown as Pod;
  if (spec === undefined || (Object.keys(limits).length === 0 && Object.keys(requests).length === 0)) return object;
  const notes: string[] = [];
  const fill = (what: string) => (container: Container) => {
    const given = container.resources ?? {};
    const addedRequests = missing(given.requests, requests);
    const addedLimits = missing(given.limits, limits);
    if (addedRequests.length > 0) notes.push(`${addedRequests.join(", ")} request for ${what} ${container.name}`);
    if (addedLimits.length > 0) notes.push(`${addedLimits.join(", ")} limit for ${what} ${container.name}`);
    if (addedRequests.length + addedLimits.length === 0) return container;
    const filled = {
      ...given,
      ...(Object.keys(limits).length === 0 ? {} : { limits: { ...limits, ...given.limits } }),
      ...(Object.keys(requests).length === 0 ? {} : { requests: { ...requests, ...given.requests } }),
    };
    return { ...container, resources: filled };
  };
  const containers = spec.containers.map(fill("container"));
  const initContainers = spec.initContainers?.map(fill("init container"));
  if (notes.length === 0) return object;
  const annotations = { ...metadata.annotations, [ANNOTATION]: `LimitRanger plugin set: ${notes.join("; ")}` };
  const next: PodSpec = { ...spec, containers, ...(initContainers === undefined ? {} : { initContainers }) };
  return { ...object, metadata: { ...metadata, annotations }, spec: next };
}

function missing(given: Amounts | undefined, defaults: Amounts): readonly string[] {
  return Object.keys(defaults).filter((name) => given?.[name] === undefined).toSorted();
}

function podProblems({ spec }: Pod, items: readonly LimitRangeItem[]): readonly string[] {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  return items.flatMap((item) => {
    if (item.type === "Container") return containers.flatMap(({ resources }) => bounds(item, resources?.requests, resources?.limits));
    if (item.type !== "Pod") return [];
    return bounds(item, texts(statedRequests(spec)), texts(statedLimits(spec)));
  });
}

function claimProblems({ spec }: PersistentVolumeClaim, items: readonly LimitRangeItem[]): readonly string[] {
  return items.filter(({ type }) => type === "PersistentVolumeClaim").flatMap((item) => bounds(item, spec?.resources?.requests, undefined, true));
}

const texts = (amounts: ResourceAmounts): Amounts => Object.fromEntries([...amounts].map(([name, amount]) => [name, formatQuantity(amount)]));

const exceeds = (a: string, b: string) => compareQuantities(parseQuantity(a), parseQuantity(b)) > 0;

function bounds(item: LimitRangeItem, requests: Amounts | undefined, limits: Amounts | undefined, requestOnly = false): readonly string[] {
  const problems: string[] = [];
  const per = `usage per ${item.type}`;
  for (const [name, min] of Object.entries(item.min ?? {})) {
    const request = requests?.[name];
    const limit = limits?.[name];
    if (request === undefined) problems.push(`minimum ${name} ${per} is ${min}.  No request is specified`);
    else if (exceeds(min, request)) problems.push(`minimum ${name} ${per} is ${min}, but request is ${request}`);
    else if (limit !== undefined && exceeds(min, limit)) problems.push(`minimum ${name} ${per} is ${min}, but limit is ${limit}`);
  }
  for (const [name, max] of Object.entries(item.max ?? {})) {
    const request = requests?.[name];
    const limit = limits?.[name];
    if (limit === undefined && !requestOnly) problems.push(`maximum ${name} ${per} is ${max}.  No limit is specified`);
    else if (limit !== undefined && exceeds(limit, max)) problems.push(`maximum ${name} ${per} is ${max}, but limit is ${limit}`);
    else if (request !== undefined && exceeds(request, max)) problems.push(`maximum ${name} ${per} is ${max}, but request is ${request}`);
  }
  for (const [name, ratio] of Object.entries(item.maxLimitRequestRatio ?? {})) {
    const request = parseQuantity(requests?.[name] ?? "0");
    const limit = parseQuantity(limits?.[name] ?? "0");
    if (request.nanos === 0n || limit.nanos === 0n) {
      problems.push(`${name} max limit to request ratio per ${item.type} is ${ratio}, but no request is specified or request is 0`);
      continue;
    }
    if (limit.nanos * 1_000_000_000n > parseQuantity(ratio).nanos * request.nanos) {
      const real = Number((limit.nanos * 1_000_000n) / request.nanos) / 1_000_000;
      problems.push(`${name} max limit to request ratio per ${item.type} is ${ratio}, but provided ratio is ${real.toFixed(6)}`);
    }
  }
  return problems;
}
