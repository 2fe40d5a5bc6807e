/** jsonpatch.escapeKey: a text as one step of a JSON pointer (RFC 6901), for labels and annotations with slashes (KEP-3962). */
import type { Environment } from "@marcbachmann/cel-js";

class JsonPatches {
  readonly escape = (key: string) => key.replaceAll("~", "~0").replaceAll("/", "~1");
}

export function jsonPatches(environment: Environment): void {
  environment.registerType("kubernetes.JSONPatches", { ctor: JsonPatches, fields: {} });
  environment.registerConstant("jsonpatch", "kubernetes.JSONPatches", new JsonPatches());
  environment.registerFunction("kubernetes.JSONPatches.escapeKey(string): string", ((patches: JsonPatches, key: string) => patches.escape(key)) as never, { async: false } as never);
}
