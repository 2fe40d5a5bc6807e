/** The names under which kubelets and their tools (crictl, log collectors) find pods and containers in a runtime. */
export const LABEL = {
  podName: "io.kubernetes.pod.name",
  podNamespace: "io.kubernetes.pod.namespace",
  podUid: "io.kubernetes.pod.uid",
  containerName: "io.kubernetes.container.name",
  /** whose pods these are: a containerd may serve several */
  device: "lichen.dev/device",
} as const;

export const ANNOTATION = {
  containerHash: "io.kubernetes.container.hash",
  restartCount: "io.kubernetes.container.restartCount",
  hostname: "lichen.dev/hostname",
  logDirectory: "lichen.dev/log-directory",
  /** the first host id of a pod with a user namespace */
  userIds: "lichen.dev/user-ids",
} as const;
