/** Expressions that choose devices are compiled when they are written (KEP-4381, "CEL expressions"). */
import type { AnyObject } from "../../api/meta.ts";
import { type Errors, invalid } from "../../api/kinds/validate/errors.ts";
import type { DeviceClass, DeviceSelector, ResourceV1ResourceClaim as ResourceClaim, ResourceClaimSpec, ResourceClaimTemplate } from "../../api/types.gen.ts";
import { celEnvironment, type Environment } from "../cel/environment.ts";
import { celGo, CompileError } from "../cel/errors.ts";
import { compile } from "../cel/program.ts";

let environment: Environment | undefined;

/** What a selector sees of a device. */
class SelectedDevice {
  readonly driver = "";
  readonly attributes = {};
  readonly capacity = {};
  readonly allowMultipleAllocations = false;
}

function deviceEnvironment(): Environment {
  if (environment !== undefined) return environment;
  environment = celEnvironment();
  const fields = { driver: "string", attributes: "map<string, map<string, dyn>>", capacity: "map<string, map<string, dyn>>", allowMultipleAllocations: "bool" };
  environment.registerType("kubernetes.DRADevice", { ctor: SelectedDevice, fields });
  environment.registerVariable("device", "kubernetes.DRADevice");
  return environment;
}

export function checkClass(errors: Errors, object: AnyObject): void {
  checkSelectors(errors, "spec.selectors", (object as unknown as Partial<DeviceClass>).spec?.selectors);
}

export function checkClaim(errors: Errors, object: AnyObject): void {
  checkRequests(errors, "spec", (object as unknown as ResourceClaim).spec);
}

export function checkClaimTemplate(errors: Errors, object: AnyObject): void {
  checkRequests(errors, "spec.spec", (object as unknown as Partial<ResourceClaimTemplate>).spec?.spec);
}

function checkRequests(errors: Errors, at: string, spec: ResourceClaimSpec | undefined): void {
  for (const [index, request] of (spec?.devices?.requests ?? []).entries()) {
    const path = `${at}.devices.requests[${index}]`;
    const alternatives = request?.firstAvailable ?? [];
    // a request that asks in both ways is refused as a whole
    if (alternatives.length === 0) checkSelectors(errors, `${path}.exactly.selectors`, request?.exactly?.selectors);
    else if (request?.exactly === undefined) for (const [number, one] of alternatives.entries()) checkSelectors(errors, `${path}.firstAvailable[${number}].selectors`, one?.selectors);
  }
}

/** Validation sees objects with nulls where a client wrote them. */
function checkSelectors(errors: Errors, at: string, selectors: readonly DeviceSelector[] | null | undefined): void {
  for (const [index, selector] of (selectors ?? []).entries()) {
    const { cel } = selector ?? {};
    if (cel === undefined || cel === null) continue;
    const expression = cel.expression ?? "";
    const wrong = mistakeOf(expression);
    if (wrong !== undefined) invalid(errors, `${at}[${index}].cel.expression`, expression, wrong);
  }
}

function mistakeOf(expression: string): string | undefined {
  try {
    const { type } = compile(deviceEnvironment(), expression);
    return type === "bool" || type === "dyn" ? undefined : `must evaluate to bool or the unknown type, not ${celGo(type)}`;
  } catch (error) {
    if (error instanceof CompileError) return `compilation failed: ${error.message}`;
    throw error;
  }
}
