import test from "ava";
import type { Resource } from "../../core/api/client.ts";
import type { KubeObject } from "../../core/api/meta.ts";
import { ENDPOINT_SLICES, SERVICES } from "../../core/api/resources.gen.ts";
import type { Pod } from "../../core/api/types.gen.ts";
import { desiredFor } from "../../core/hub/desired-set.ts";

const named = (namespace: string, name: string): KubeObject => ({ apiVersion: "v1", kind: "Any", metadata: { namespace, name } });

test("a device knows where the API is from before its first pod, in whatever namespace that is", (t) => {
  const stored: readonly (readonly [Resource<KubeObject>, KubeObject])[] = [SERVICES, ENDPOINT_SLICES].flatMap((resource) => [
    [resource as Resource<KubeObject>, named("default", "kubernetes")] as const,
    [resource as Resource<KubeObject>, named("default", "other")] as const,
    [resource as Resource<KubeObject>, named("shop", "web")] as const,
  ]);
  const told = (...pods: readonly Pod[]) => {
    const set = desiredFor("dev1", {
      get: (resource, namespace, name) => stored.find(([of, { metadata }]) => of.plural === resource.plural && metadata.namespace === namespace && metadata.name === name)?.[1] as never,
      list: (resource, namespace) => stored.filter(([of, { metadata }]) => of.plural === resource.plural && (namespace === undefined || metadata.namespace === namespace)).map(([, object]) => object) as never,
      podsOn: () => pods,
    });
    return set.map(({ resource, object }) => `${resource.plural}/${object.metadata.name}`);
  };
  t.deepEqual(told(), ["services/kubernetes", "endpointslices/kubernetes"]);
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { namespace: "shop", name: "p" }, spec: { containers: [] } };
  t.deepEqual(told(pod).toSorted(), ["endpointslices/kubernetes", "endpointslices/web", "pods/p", "services/kubernetes", "services/web"]);
});
