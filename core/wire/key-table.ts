/**
 * Field names that travel as small integers. Plain CBOR saves a sixth of JSON's bytes, with this table it is half.
 *
 * The table is append-only data: a name keeps its number for ever, because a device in the field may be years older
 * than its server. A line added at the end belongs to a higher wire version; `keysOfVersion` says how many names each
 * version knows, and a sender uses only those of the version that its peer speaks. The first 24 take one byte, the
 * others two, so the most frequent come first.
 */
export const keyTable: readonly string[] = [
  // one byte: the envelope, and what every object repeats
  "v", "session", "seq", "at", "body", "type", "name", "namespace", "uid", "status", "kind", "apiVersion", "metadata",
  "spec", "reason", "message", "value", "path", "key", "resourceVersion", "lastTransitionTime", "state", "containerID", "image",
  // two bytes: messages
  "instance", "agentVersion", "have", "full", "node", "pods", "events", "labels", "annotations", "gone", "regarding",
  "fieldPath", "count", "first", "last", "csr", "id", "serviceAccount", "pod", "podUid", "audiences", "expirationSeconds",
  "put", "drop", "now", "observed", "pem", "token", "expires", "error",
  // metadata
  "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName", "generation", "finalizers",
  "ownerReferences", "controller", "blockOwnerDeletion", "managedFields", "manager", "operation", "time", "fieldsType",
  "fieldsV1", "subresource",
  // pod status
  "phase", "conditions", "observedGeneration", "lastProbeTime", "hostIP", "hostIPs", "podIP", "podIPs", "ip", "startTime",
  "containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses", "qosClass", "ready", "started",
  "restartCount", "imageID", "lastState", "running", "startedAt", "terminated", "exitCode", "finishedAt", "signal",
  "waiting", "allocatedResources", "resources", "volumeMounts", "user", "linux", "gid", "supplementalGroups",
  // pod spec
  "containers", "initContainers", "volumes", "restartPolicy", "terminationGracePeriodSeconds", "activeDeadlineSeconds",
  "dnsPolicy", "dnsConfig", "nodeSelector", "serviceAccountName", "automountServiceAccountToken", "nodeName",
  "hostNetwork", "hostPID", "hostIPC", "securityContext", "imagePullSecrets", "hostname", "subdomain", "affinity",
  "schedulerName", "tolerations", "effect", "operator", "tolerationSeconds", "hostAliases", "priorityClassName",
  "priority", "preemptionPolicy", "runtimeClassName", "enableServiceLinks", "overhead", "topologySpreadConstraints",
  "command", "args", "workingDir", "ports", "containerPort", "hostPort", "protocol", "env", "envFrom", "valueFrom",
  "configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef", "optional", "limits", "requests", "cpu", "memory",
  "ephemeral-storage", "mountPath", "subPath", "readOnly", "livenessProbe", "readinessProbe", "startupProbe", "httpGet",
  "tcpSocket", "exec", "grpc", "port", "host", "scheme", "httpHeaders", "initialDelaySeconds", "timeoutSeconds",
  "periodSeconds", "successThreshold", "failureThreshold", "lifecycle", "postStart", "preStop", "imagePullPolicy",
  "terminationMessagePath", "terminationMessagePolicy", "stdin", "stdinOnce", "tty", "privileged", "capabilities", "add",
  "runAsUser", "runAsGroup", "runAsNonRoot", "readOnlyRootFilesystem", "allowPrivilegeEscalation", "seccompProfile",
  "fsGroup", "configMap", "secret", "secretName", "emptyDir", "medium", "sizeLimit", "hostPath", "projected", "sources",
  "serviceAccountToken", "audience", "downwardAPI", "items", "mode", "defaultMode", "persistentVolumeClaim", "claimName",
  // node
  "capacity", "allocatable", "addresses", "address", "nodeInfo", "images", "names", "sizeBytes", "lastHeartbeatTime",
  "daemonEndpoints", "kubeletEndpoint", "Port", "architecture", "bootID", "containerRuntimeVersion", "kernelVersion",
  "kubeProxyVersion", "kubeletVersion", "machineID", "operatingSystem", "osImage", "systemUUID", "swap", "runtimeHandlers",
  "features", "providerID", "podCIDR", "podCIDRs", "taints", "unschedulable", "kubernetes.io/arch", "kubernetes.io/os",
  "kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
  // what pods refer to, and common labels
  "data", "binaryData", "stringData", "immutable", "handler", "scheduling", "selector", "clusterIP", "clusterIPs",
  "externalIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy", "externalTrafficPolicy", "sessionAffinity",
  "targetPort", "nodePort", "loadBalancer", "accessModes", "storageClassName", "storage", "volumeMode", "volumeName",
  "claimRef", "persistentVolumeReclaimPolicy", "local", "nodeAffinity", "endpoints", "addressType", "serving",
  "terminating", "targetRef", "app", "app.kubernetes.io/name", "app.kubernetes.io/instance", "pod-template-hash",
  "controller-revision-hash", "pod-template-generation", "kubernetes.io/metadata.name", "weight", "preference",
  "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution",
  "nodeSelectorTerms", "matchExpressions", "matchFields", "values", "matchLabels", "topologyKey", "labelSelector",
];

/** How many names of the table a wire version knows: index is the version. */
export const keysOfVersion: readonly number[] = [0, 296];
