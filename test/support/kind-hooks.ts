/** The behaviour of kinds that the control-plane tests need while they look at controllers alone. */
import type { HooksByKind } from "../../core/api/kinds/built-in.ts";
import type { AnyObject } from "../../core/api/meta.ts";

export const hooksForTests: HooksByKind = {
  "/Pod": {
    gracePeriod(object: AnyObject, asked: number | undefined) {
      const { nodeName, terminationGracePeriodSeconds = 30 } = (object["spec"] ?? {}) as { nodeName?: string; terminationGracePeriodSeconds?: number };
      return nodeName === undefined || nodeName === "" ? 0 : (asked ?? terminationGracePeriodSeconds);
    },
  },
  "/Namespace": {
    prepareForCreate: (object: AnyObject) => ({ ...object, spec: { finalizers: ["kubernetes"] }, status: { phase: "Active" } }),
    mergeSubresource: { finalize: (update: AnyObject, old: AnyObject) => ({ ...old, spec: update["spec"] }) },
  },
};
