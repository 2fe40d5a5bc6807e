/** The plugins in their order: all mutations first, then all validations, as in the Kubernetes API server. */
import type { AnyObject } from "../api/meta.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";

export interface AdmissionChain {
  /** the object after all plugins had their say; throws ApiError when one refuses */
  mutate(request: AdmissionRequest & { readonly object: AnyObject }): Promise<AnyObject>;
  validate(request: AdmissionRequest): Promise<void>;
}

export function admissionChain(plugins: readonly AdmissionPlugin[]): AdmissionChain {
  const mutating = plugins.filter((plugin) => plugin.mutate !== undefined);
  const validating = plugins.filter((plugin) => plugin.validate !== undefined);
  return {
    async mutate(request) {
      let current = request;
      for (const plugin of mutating) {
        if (plugin.mutate === undefined || !plugin.handles(current)) continue;
        const object = await plugin.mutate(current);
        if (object !== current.object) current = { ...current, object };
      }
      return current.object;
    },
    async validate(request) {
      for (const plugin of validating) if (plugin.handles(request)) await plugin.validate?.(request);
    },
  };
}
