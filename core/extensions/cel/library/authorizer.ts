/** authorizer in policies and match conditions: asks for others what the server asks itself (KEP-3488). Asynchronous. */
import type { Environment } from "@marcbachmann/cel-js";
import type { User } from "../../../api/user.ts";

export interface Question {
  readonly user: User;
  readonly verb: string;
  readonly path?: string;
  readonly resource?: {
    readonly group: string;
    readonly version: string;
    readonly plural: string;
    readonly subresource?: string | undefined;
    readonly namespace?: string | undefined;
    readonly name?: string | undefined;
    readonly labelSelector?: string | undefined;
    readonly fieldSelector?: string | undefined;
  };
}

export type Ask = (question: Question) => Promise<{ readonly allowed: boolean; readonly reason: string }>;

/** The value of the variable `authorizer`. */
export class CelAuthorizer {
  readonly user: User;
  readonly ask: Ask;
  constructor(user: User, ask: Ask) {
    this.user = user;
    this.ask = ask;
  }
}

class PathCheck {
  readonly from: CelAuthorizer;
  readonly path: string;
  constructor(from: CelAuthorizer, path: string) {
    this.from = from;
    this.path = path;
  }
}

type Resource = NonNullable<Question["resource"]>;

class GroupCheck {
  readonly from: CelAuthorizer;
  readonly group: string;
  constructor(from: CelAuthorizer, group: string) {
    this.from = from;
    this.group = group;
  }
}

/** Also the value of `authorizer.requestResource`. */
export class ResourceCheck {
  readonly from: CelAuthorizer;
  readonly resource: Resource;
  constructor(from: CelAuthorizer, resource: Resource) {
    this.from = from;
    this.resource = resource;
  }
  with(more: Partial<Resource>): ResourceCheck {
    return new ResourceCheck(this.from, { ...this.resource, ...more });
  }
}

class Decision {
  readonly allowed: boolean;
  readonly reason: string;
  readonly failure: string;
  constructor(allowed: boolean, reason: string, failure: string) {
    this.allowed = allowed;
    this.reason = reason;
    this.failure = failure;
  }
}

async function decide({ ask }: CelAuthorizer, question: Question): Promise<Decision> {
  try {
    const { allowed, reason } = await ask(question);
    return new Decision(allowed, reason, "");
  } catch (error) {
    return new Decision(false, "", error instanceof Error ? error.message : String(error));
  }
}

const NAME = "kubernetes.authorization";

export function authorizers(environment: Environment): void {
  
  environment.registerType(`${NAME}.PathCheck`, { ctor: PathCheck, fields: {} });
  environment.registerType(`${NAME}.GroupCheck`, { ctor: GroupCheck, fields: {} });
  environment.registerType(`${NAME}.ResourceCheck`, { ctor: ResourceCheck, fields: {} });
  environment.registerType(`${NAME}.Authorizer`, { ctor: CelAuthorizer, fields: { requestResource: `${NAME}.ResourceCheck` } });
  environment.registerType(`${NAME}.Decision`, { ctor: Decision, fields: {} });
  const add = (signature: string, handler: (...given: never[]) => unknown, async = false) => environment.registerFunction(`${NAME}.${signature}`, handler as never, { async } as never);
  add(`Authorizer.path(string): ${NAME}.PathCheck`, (from: CelAuthorizer, path: string) => new PathCheck(from, path));
  add(`Authorizer.group(string): ${NAME}.GroupCheck`, (from: CelAuthorizer, group: string) => new GroupCheck(from, group));
  add(`Authorizer.serviceAccount(string, string): ${NAME}.Authorizer`, (from: CelAuthorizer, namespace: string, name: string) => new CelAuthorizer(accountUser(namespace, name), from.ask));
  add(`GroupCheck.resource(string): ${NAME}.ResourceCheck`, ({ from, group }: GroupCheck, plural: string) => new ResourceCheck(from, { group, version: "*", plural }));
  add(`ResourceCheck.subresource(string): ${NAME}.ResourceCheck`, (check: ResourceCheck, subresource: string) => check.with({ subresource }));
  add(`ResourceCheck.namespace(string): ${NAME}.ResourceCheck`, (check: ResourceCheck, namespace: string) => check.with({ namespace }));
  add(`ResourceCheck.name(string): ${NAME}.ResourceCheck`, (check: ResourceCheck, name: string) => check.with({ name }));
  add(`ResourceCheck.fieldSelector(string): ${NAME}.ResourceCheck`, (check: ResourceCheck, fieldSelector: string) => check.with({ fieldSelector }));
  add(`ResourceCheck.labelSelector(string): ${NAME}.ResourceCheck`, (check: ResourceCheck, labelSelector: string) => check.with({ labelSelector }));
  add(`PathCheck.check(string): ${NAME}.Decision`, async ({ from, path }: PathCheck, verb: string) => await decide(from, { user: from.user, verb: verb.toLowerCase(), path }), true);
  add(`ResourceCheck.check(string): ${NAME}.Decision`, async ({ from, resource }: ResourceCheck, verb: string) => await decide(from, { user: from.user, verb, resource }), true);
  add("Decision.allowed(): bool", ({ allowed }: Decision) => allowed);
  add("Decision.reason(): string", ({ reason }: Decision) => reason);
  add("Decision.errored(): bool", ({ failure }: Decision) => failure !== "");
  add("Decision.error(): string", ({ failure }: Decision) => failure);
}

function accountUser(namespace: string, name: string): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
  };
}
