/** An Ingress that names no class gets the default one, if there is exactly one. */
import { INGRESS_CLASSES } from "../api/resources.gen.ts";
import type { Ingress } from "../api/types.gen.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns } from "./concerns.ts";
import { forbidden } from "./forbidden.ts";
import type { Lookup } from "./lookup.ts";

const DEFAULT = "ingressclass.kubernetes.io/is-default-class";
const OLD_CLASS = "kubernetes.io/ingress.class";

export function defaultIngressClass({ lookup }: { readonly lookup: Pick<Lookup, "list"> }): AdmissionPlugin {
  return {
    name: "DefaultIngressClass",
    handles: concerns({ group: "networking.k8s.io", plural: "ingresses", operations: ["CREATE"] }),
    async mutate({ object, kind, name }) {
      const { spec, metadata } = object as unknown as Ingress;
      if (spec?.ingressClassName !== undefined || metadata.annotations?.[OLD_CLASS] !== undefined) return object;
      const defaults = (await lookup.list(INGRESS_CLASSES)).filter((each) => each.metadata.annotations?.[DEFAULT] === "true");
      const [only] = defaults;
      if (only === undefined) return object;
      if (defaults.length > 1) throw forbidden(kind, name, `${defaults.length} default IngressClasses were found, only 1 allowed`);
      return { ...object, spec: { ...spec, ingressClassName: only.metadata.name } };
    },
  };
}
