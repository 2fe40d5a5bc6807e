/** Service account tokens for pods of a device: asked of the registry as the device's node, bound to the pod. */
import type { Client, Resource } from "../api/client.ts";
import { PODS, SERVICE_ACCOUNTS } from "../api/resources.gen.ts";
import { ApiError } from "../api/status.ts";
import type { Pod, ServiceAccount, TokenRequest } from "../api/types.gen.ts";
import type { User } from "../api/user.ts";
import type { Informer, Informers } from "../control/control.ts";
import type { Down, Up } from "../wire/messages.ts";
import { nodeUser } from "./observed.ts";

export type TokenAsked = Extract<Up, { readonly type: "token" }>;
export type TokenAnswer = Extract<Down, { readonly type: "token" }>;

export function tokens(options: { readonly clientFor: (user: User) => Client; readonly informers: Informers }): (node: string, asked: TokenAsked) => Promise<TokenAnswer> {
  const pods: Informer<Pod> = options.informers.of(PODS);
  // the body of the subresource is of another kind
  const resource = SERVICE_ACCOUNTS as unknown as Resource<ServiceAccount & TokenRequest>;

  return async (node, asked) => {
    const { id, namespace, serviceAccount } = asked;
    const pod = pods.get(`${namespace}/${asked.pod}`);
    if (pod?.metadata.uid !== asked.podUid || pod.spec?.nodeName !== node || pod.spec.serviceAccountName !== serviceAccount) {
      return { type: "token", id, error: `pod ${namespace}/${asked.pod} with service account ${serviceAccount} is not on this node` };
    }
    try {
      const { status } = await options.clientFor(nodeUser(node)).create(
        resource,
        {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          metadata: {},
          spec: {
            ...(asked.audiences.length === 0 ? {} : { audiences: asked.audiences }),
            expirationSeconds: asked.expirationSeconds,
            boundObjectRef: { apiVersion: "v1", kind: "Pod", name: asked.pod, uid: asked.podUid },
          },
        },
        { namespace, name: serviceAccount, subresource: "token" },
      );
      const { token, expirationTimestamp } = status ?? {};
      if (token === undefined) return { type: "token", id, error: "the server issued no token" };
      return { type: "token", id, token, ...(typeof expirationTimestamp === "string" ? { expires: expirationTimestamp } : {}) };
    } catch (error) {
      if (error instanceof ApiError) return { type: "token", id, error: error.message };
      throw error;
    }
  };
}
