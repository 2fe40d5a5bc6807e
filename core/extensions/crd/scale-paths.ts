/** What the paths of a scale subresource lead to must be what Scale can hold (apiextensions customresource validator). */
import { goText } from "../../api/go-text.ts";
import { isObject } from "../../api/json.ts";
import { invalid, type Errors } from "../../api/kinds/validate/errors.ts";
import type { CustomResourceSubresourceScale } from "../../api/types.gen.ts";

const INT32_MAX = 2 ** 31 - 1;

export function validateScalePaths(errors: Errors, object: object, { specReplicasPath, statusReplicasPath, labelSelectorPath }: CustomResourceSubresourceScale): void {
  replicas(errors, object, specReplicasPath);
  replicas(errors, object, statusReplicasPath);
  if (labelSelectorPath === undefined) return;
  const found = follow(object, labelSelectorPath, "string", (value) => typeof value === "string");
  if (found.wrong !== undefined) invalid(errors, labelSelectorPath, "", found.wrong);
}

function replicas(errors: Errors, object: object, path: string): void {
  const { value, wrong } = follow(object, path, "int64", Number.isInteger);
  if (wrong !== undefined) invalid(errors, path, 0, wrong);
  if (typeof value !== "number") return;
  if (value < 0) invalid(errors, path, value, "should be a non-negative integer");
  else if (value > INT32_MAX) invalid(errors, path, value, `should be less than or equal to ${INT32_MAX}`);
}

interface Found {
  readonly value?: unknown;
  readonly wrong?: string;
}

/** Like unstructured.NestedInt64 and NestedString: nothing there is no mistake. */
function follow(object: object, path: string, type: string, is: (value: unknown) => boolean): Found {
  const names = path.replace(/^\./, "").split(".");
  const wrong = (value: unknown, upTo: number, expected: string) => ({ wrong: `.${names.slice(0, upTo).join(".")} accessor error: ${goText(value)} is of the type ${goType(value)}, expected ${expected}` });
  let at: unknown = object;
  for (const [index, name] of names.entries()) {
    if (at === null) return {};
    if (!isObject(at)) return wrong(at, index + 1, "map[string]interface{}");
    if (!Object.hasOwn(at, name)) return {};
    at = at[name];
  }
  return is(at) ? { value: at } : wrong(at, names.length, type);
}

function goType(value: unknown): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return "[]interface {}";
  if (typeof value === "number") return Number.isInteger(value) ? "int64" : "float64";
  return typeof value === "object" ? "map[string]interface {}" : typeof value === "boolean" ? "bool" : "string";
}
