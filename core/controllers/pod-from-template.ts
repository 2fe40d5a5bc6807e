/** The pod that a template describes, owned by the one who has the template. */
import type { KubeObject } from "../api/meta.ts";
import type { Pod, PodTemplateSpec } from "../api/types.gen.ts";
import { present } from "./json.ts";
import { controllerReference } from "./owner.ts";

/** Longest prefix that still leaves room for the suffix the server adds (names of pods: 253). */
const PREFIX_LIMIT = 247;

export function podFromTemplate(owner: KubeObject, template: PodTemplateSpec | undefined): Pod {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: present({
      generateName: `${(owner.metadata.name ?? "").slice(0, PREFIX_LIMIT)}-`,
      namespace: owner.metadata.namespace,
      labels,
      annotations,
      finalizers,
      ownerReferences: [controllerReference(owner)],
    }),
    ...present({ spec: template?.spec }),
  };
}
