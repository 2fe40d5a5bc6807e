/** A new node takes no pods until its agent reported and the node controller removed the taint. */
import type { Node } from "../api/types.gen.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns } from "./concerns.ts";

const NOT_READY = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" } as const;

export function taintNodesByCondition(): AdmissionPlugin {
  return {
    name: "TaintNodesByCondition",
    handles: concerns({ group: "", plural: "nodes", operations: ["CREATE"] }),
    async mutate({ object }) {
      const { spec } = object as unknown as Node;
      const taints = spec?.taints ?? [];
      if (taints.some(({ key, effect }) => key === NOT_READY.key && effect === NOT_READY.effect)) return object;
      return { ...object, spec: { ...spec, taints: [...taints, NOT_READY] } };
    },
  };
}
