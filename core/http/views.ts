/** The metadata-only views: PartialObjectMetadata and its list (metadata informers, garbage collectors). */
import type { KubeList, KubeObject } from "../api/meta.ts";
import type { View } from "./media.ts";

export function partial(object: KubeObject, version: View["version"]): KubeObject {
  return { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

export function partialList(list: KubeList, version: View["version"]): KubeList {
  return {
    kind: "PartialObjectMetadataList",
    apiVersion: `meta.k8s.io/${version}`,
    metadata: list.metadata,
    items: list.items.map((item) => partial(item, version)),
  };
}
