/** Which topics a pod may publish and hear, as its annotations say: the device and the server both ask, for themselves. */
import { filterProblem } from "./topic-filter.ts";

export const PUBLISH_ANNOTATION = "wasi.lichen.dev/publish";
export const SUBSCRIBE_ANNOTATION = "wasi.lichen.dev/subscribe";

export interface MessageGrants {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** "plant/+/temperature, alerts/#". @throws Error */
export function parseFilters(text: string): readonly string[] {
  const filters = text.split(",").map((one) => one.trim()).filter((one) => one !== "");
  for (const filter of filters) {
    const problem = filterProblem(filter);
    if (problem !== undefined) throw new Error(problem);
  }
  return filters;
}

/** An annotation that is not understood grants nothing; the device says so when the pod is to start. */
export function messageGrants(annotations: Readonly<Record<string, string>> = {}): MessageGrants {
  const filters = (name: string) => {
    try {
      return parseFilters(annotations[name] ?? "");
    } catch {
      return [];
    }
  };
  return { publish: filters(PUBLISH_ANNOTATION), subscribe: filters(SUBSCRIBE_ANNOTATION) };
}
