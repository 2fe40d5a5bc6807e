/** OpenAPI documents as data: version 3 for one group version, version 2 for all. */
import type { Kind } from "../../api/kinds.ts";
import { apiVersionOf } from "../../api/meta.ts";
import { componentSchemas, definitions } from "../../api/schema/openapi.ts";
import { KUBERNETES } from "../version.ts";
import { operationsOf, queryOf } from "./paths.ts";
import type { Operation } from "./paths.ts";

const info = { title: "Kubernetes", version: `v${KUBERNETES.major}.${KUBERNETES.minor}.${KUBERNETES.patch}` };
const jsonTypes = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

interface Item {
  [method: string]: unknown;
}

export function documentV3(kinds: readonly Kind[]) {
  const schemas = withPatch(componentSchemas(kinds), kinds);
  const ref = (model: string | undefined) => (model !== undefined && Object.hasOwn(schemas, model) ? { $ref: `#/components/schemas/${model}` } : {});
  const paths: { [path: string]: Item } = {};
  const [first] = kinds;
  if (first !== undefined) paths[`${rootOf(first)}/`] = { get: { operationId: operationId("get", `${rootOf(first)}/`, "getAPIResources"), responses: { "200": { description: "OK" } } } };
  for (const { operation, model } of withModels(kinds)) {
    const { path, method, action, kind, consumes } = operation;
    const item = (paths[path] ??= { parameters: pathParameters(path, (name) => ({ name, in: "path", required: true, schema: { type: "string", uniqueItems: true } })) });
    const body = bodyModel(operation, model);
    const answer = ref(answerModel(operation, model));
    item[method] = {
      operationId: operationId(method, path, action),
      "x-kubernetes-action": action,
      "x-kubernetes-group-version-kind": kind,
      parameters: queryOf[action].map((name) => ({ name, in: "query", schema: { type: queryTypes[name] ?? "string", uniqueItems: true } })),
      ...(consumes.length === 0 ? {} : { requestBody: { content: Object.fromEntries(consumes.map((type) => [type, { schema: ref(body) }])) } }),
      responses: {
        [action === "post" ? "201" : "200"]: {
          description: action === "post" ? "Created" : "OK",
          content: Object.fromEntries(jsonTypes.map((type) => [type, { schema: answer }])),
        },
        "401": { description: "Unauthorized" },
      },
    };
  }
  return { openapi: "3.0.0", info, paths: sortedPaths(paths), components: { schemas } };
}

export function documentV2(kinds: readonly Kind[]) {
  const models = withPatch(definitions(kinds), kinds);
  const ref = (model: string | undefined) => (model !== undefined && Object.hasOwn(models, model) ? { $ref: `#/definitions/${model}` } : {});
  const paths: { [path: string]: Item } = {};
  for (const { operation, model } of withModels(kinds)) {
    const { path, method, action, kind, consumes } = operation;
    const item = (paths[path] ??= { parameters: pathParameters(path, (name) => ({ name, in: "path", required: true, type: "string", uniqueItems: true })) });
    const query = queryOf[action].map((name) => ({ name, in: "query", type: queryTypes[name] ?? "string", uniqueItems: true }));
    const body = consumes.length === 0 ? [] : [{ name: "body", in: "body", schema: ref(bodyModel(operation, model)) }];
    item[method] = {
      operationId: operationId(method, path, action),
      "x-kubernetes-action": action,
      "x-kubernetes-group-version-kind": kind,
      consumes: consumes.length === 0 ? anyType : consumes,
      produces: jsonTypes,
      parameters: [...body, ...query],
      responses: { [action === "post" ? "201" : "200"]: { description: action === "post" ? "Created" : "OK", schema: ref(answerModel(operation, model)) }, "401": { description: "Unauthorized" } },
    };
  }
  return { swagger: "2.0", info, paths: sortedPaths(paths), definitions: models };
}

const anyType = ["*/*"];
const queryTypes: { readonly [name: string]: string } = { force: "boolean", orphanDependents: "boolean", gracePeriodSeconds: "integer", limit: "integer" };

const rootOf = (kind: Kind) => (kind.group === "" ? `/api/${kind.version}` : `/apis/${apiVersionOf(kind)}`);

function* withModels(kinds: readonly Kind[]): Iterable<{ readonly operation: Operation; readonly model: string }> {
  for (const kind of kinds) {
    for (const operation of operationsOf(kind)) {
      const own = operation.kind.kind === kind.kind;
      yield { operation, model: own ? kind.schema.name : kind.schema.name.replace(/[^.]*$/, operation.kind.kind) };
    }
  }
}

/** The model of every patch: it says nothing. */
function withPatch(schemas: { readonly [model: string]: unknown }, kinds: readonly Kind[]): { readonly [model: string]: unknown } {
  if (!kinds.some((kind) => kind.verbs.includes("patch"))) return schemas;
  const all = Object.entries({ ...schemas, [`${META}.Patch`]: { type: "object" } });
  return Object.fromEntries(all.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const META = "io.k8s.apimachinery.pkg.apis.meta.v1";

function bodyModel({ action }: Operation, model: string): string {
  if (action === "patch") return `${META}.Patch`;
  return action === "delete" || action === "deletecollection" ? `${META}.DeleteOptions` : model;
}

function answerModel({ answers }: Operation, model: string): string | undefined {
  switch (answers) {
    case "object":
      return model;
    case "list":
      return `${model}List`;
    case "status":
      return `${META}.Status`;
    case "none":
      return undefined;
  }
}

function pathParameters<T>(path: string, parameter: (name: string) => T): readonly T[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => parameter(match[1] ?? ""));
}

/** Unique, and stable from release to release: made of what the operation is. */
function operationId(method: string, path: string, action: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return action + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("") + (action === "connect" ? method.toUpperCase() : "");
}

function sortedPaths(paths: { readonly [path: string]: Item }): { readonly [path: string]: Item } {
  return Object.fromEntries(Object.entries(paths).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
