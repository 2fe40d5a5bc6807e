/**
 * What expressions of policies and webhooks see of a request: object, oldObject, request, namespaceObject, authorizer, and
 * for policies params and variables. The environments are made once; the values of a request are made when one is judged.
 */
import { objectKind, objectNamespace } from "../../admission/admission.ts";
import type { AdmissionRequest } from "../../admission/admission.ts";
import type { Lookup } from "../../admission/lookup.ts";
import type { Kind } from "../../api/kinds.ts";
import type { AnyObject } from "../../api/meta.ts";
import { NAMESPACES } from "../../api/resources.gen.ts";
import { celEnvironment, type Environment } from "../cel/environment.ts";
import { type Ask, CelAuthorizer, ResourceCheck } from "../cel/library/authorizer.ts";
import { toCel } from "../cel/values.ts";
import { convert } from "./rules.ts";

class GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly resource: string;
  constructor({ group, version, kind, plural }: Pick<Kind, "group" | "version" | "kind" | "plural">) {
    this.group = group;
    this.version = version;
    this.kind = kind;
    this.resource = plural;
  }
}

class UserInfo {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: { readonly [key: string]: readonly string[] };
  constructor({ name, uid = "", groups, extra = {} }: AdmissionRequest["user"]) {
    this.username = name;
    this.uid = uid;
    this.groups = [...groups];
    this.extra = { ...extra };
  }
}

class RequestValue {
  readonly kind: GroupVersion;
  readonly resource: GroupVersion;
  readonly requestKind: GroupVersion;
  readonly requestResource: GroupVersion;
  readonly subResource: string;
  readonly requestSubResource: string;
  readonly name: string;
  readonly namespace: string;
  readonly operation: string;
  readonly userInfo: UserInfo;
  readonly dryRun: boolean;
  readonly options: unknown;
  constructor(request: AdmissionRequest, shown: Kind) {
    this.resource = new GroupVersion(shown);
    this.kind = new GroupVersion({ ...objectKind({ ...request, kind: shown }), plural: shown.plural });
    this.requestResource = new GroupVersion(request.kind);
    this.requestKind = new GroupVersion({ ...objectKind(request), plural: request.kind.plural });
    this.subResource = this.requestSubResource = request.subresource ?? "";
    this.name = request.name;
    this.namespace = objectNamespace(request) ?? "";
    this.operation = request.operation;
    this.userInfo = new UserInfo(request.user);
    this.dryRun = request.dryRun;
    this.options = toCel(request.options ?? {});
  }
}

let shared: Environment | undefined;

/** With object, oldObject, request, namespaceObject and authorizer; `declare` names the type of the objects, else it is open. */
export function requestEnvironment(declare: (environment: Environment) => string = () => "dyn"): Environment {
  if (shared === undefined) {
    shared = celEnvironment();
    const group = { group: "string", version: "string", kind: "string", resource: "string" };
    shared.registerType("kubernetes.GroupVersion", { ctor: GroupVersion, fields: group });
    shared.registerType("kubernetes.UserInfo", { ctor: UserInfo, fields: { username: "string", uid: "string", groups: "list<string>", extra: "map<string, list<string>>" } });
    shared.registerType("kubernetes.AdmissionRequest", {
      ctor: RequestValue,
      fields: {
        kind: "kubernetes.GroupVersion",
        resource: "kubernetes.GroupVersion",
        requestKind: "kubernetes.GroupVersion",
        requestResource: "kubernetes.GroupVersion",
        subResource: "string",
        requestSubResource: "string",
        name: "string",
        namespace: "string",
        operation: "string",
        userInfo: "kubernetes.UserInfo",
        dryRun: "bool",
        options: "dyn",
      },
    });
    shared.registerVariable("namespaceObject", "dyn");
    shared.registerVariable("request", "kubernetes.AdmissionRequest");
    // besides its methods it has a field, requestResource
    shared.registerVariable("authorizer", "kubernetes.authorization.Authorizer");
  }
  const environment = shared.clone();
  const type = declare(environment);
  environment.registerVariable("object", type);
  environment.registerVariable("oldObject", type);
  return environment;
}

export interface RequestParts {
  readonly lookup: Lookup;
  readonly ask: Ask;
}

export interface RequestVariables {
  readonly object: unknown;
  readonly oldObject: unknown;
  readonly request: unknown;
  readonly namespaceObject: unknown;
  readonly authorizer: unknown;
}

export async function requestVariables(request: AdmissionRequest, shown: Kind, { lookup, ask }: RequestParts): Promise<RequestVariables> {
  const value = async (object: AnyObject | undefined) => (object === undefined ? null : toCel(await convert(object, request.kind, shown)));
  const { namespace, kind } = request;
  const inNamespace = kind.namespaced && namespace !== undefined ? lookup.get(NAMESPACES, undefined, namespace) : undefined;
  const authorizer = new CelAuthorizer(request.user, ask);
  const { group, version, plural } = kind;
  const resource = { group, version, plural, subresource: request.subresource, namespace, name: request.name };
  return {
    object: await value(request.object),
    oldObject: await value(request.old),
    request: new RequestValue(request, shown),
    namespaceObject: inNamespace === undefined ? null : toCel(inNamespace),
    authorizer: Object.assign(authorizer, { requestResource: new ResourceCheck(authorizer, resource) }),
  };
}
