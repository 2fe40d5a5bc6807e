/** The least that makes an object of each built-in kind acceptable, without its metadata. */
const labels = { app: "a" };
const container = { name: "main", image: "registry.example/app:1" };
const podSpec = { containers: [container] };
const template = { metadata: { labels }, spec: podSpec };
const selector = { matchLabels: labels };
const meta = { name: "subject" };
const subject = { kind: "ServiceAccount", name: "default", namespace: "default" };
const clientConfig = { service: { namespace: "default", name: "hook" } };
const rules = [{ apiGroups: ["apps"], apiVersions: ["v1"], resources: ["deployments"], operations: ["CREATE"] }];
const webhooks = [{ name: "a.example.com", clientConfig, rules, sideEffects: "None", admissionReviewVersions: ["v1"], failurePolicy: "Ignore" }];
const matchConstraints = { resourceRules: rules };
const requests = { storage: "1Gi" };

/** PKCS #10 of "subject", in PEM, in base64 */
const SIGNING_REQUEST =
  "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlITE1IUUNBUUF3RWpFUU1BNEdBMVVFQXd3SGMzVmlhbVZqZERCWk1CTUdCeXFHU000OUFnRUdDQ3FHU000OQpBd0VIQTBJQUJFWkorbnhha2lQcks3dlkwOUVvUnlWcDNBdG5IL1JTYk05VWpqeWxSTVdHaDJzcVVncmJ4dU5lClAyMWdmWFp3RzVYdEtEbG1rUXZOR0lrcmxoMEwxQmVnQURBS0JnZ3Foa2pPUFFRREFnTkhBREJFQWlBRzJvUHQKYllzTXRMRzBKdWtEOWs4N1Q1N3R4NFNENCtON2RRcDl6UmZpNEFJZ0dVSVU2NHYxM2s3RlFwLzIvTHlkSzJKRApZSk5NRVlvcWo3ekx4N3hRdjk4PQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K";

/** kind → what an object has beside apiVersion, kind and metadata; kinds that need nothing more are left out */
export const validObjects: Readonly<Record<string, object>> = {
  APIService: { metadata: { name: "v1.subject.example.com" }, spec: { group: "subject.example.com", version: "v1", groupPriorityMinimum: 100, versionPriority: 10, service: { namespace: "default", name: "api" }, insecureSkipTLSVerify: true } },
  Binding: { target: { kind: "Node", name: "subject" } },
  CertificateSigningRequest: { spec: { request: SIGNING_REQUEST, signerName: "example.com/signer", usages: ["client auth"] } },
  ClusterRole: { rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] },
  ClusterRoleBinding: { roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" }, subjects: [subject] },
  ConfigMap: { data: { a: "1" } },
  CronJob: { spec: { schedule: "*/5 * * * *", jobTemplate: { spec: { template: { spec: { ...podSpec, restartPolicy: "Never" } } } } } },
  CSIDriver: { spec: { attachRequired: false } },
  CSINode: { spec: { drivers: [{ name: "d.example.com", nodeID: "n" }] } },
  CSIStorageCapacity: { storageClassName: "a" },
  CustomResourceDefinition: {
    metadata: { name: "things.subject.example.com" },
    spec: {
      group: "subject.example.com",
      scope: "Namespaced",
      names: { plural: "things", kind: "Thing" },
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: { size: { type: "integer" } } } } } } }],
    },
  },
  DaemonSet: { spec: { selector, template } },
  Deployment: { spec: { selector, template } },
  DeviceClass: { spec: { selectors: [{ cel: { expression: 'device.driver == "d.example.com"' } }] } },
  Endpoints: { subsets: [{ addresses: [{ ip: "10.0.0.9" }], ports: [{ port: 80 }] }] },
  EndpointSlice: { addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.9"] }], ports: [{ name: "http", port: 80, protocol: "TCP" }] },
  // of both groups
  Event: { involvedObject: { kind: "Pod", namespace: "default", name: "subject" }, regarding: { kind: "Pod", namespace: "default", name: "subject" }, reason: "Tested", message: "as it is", note: "as it is", type: "Normal", reportingComponent: "example.com/test", reportingController: "example.com/test", reportingInstance: "a", action: "Test", eventTime: "2026-01-01T00:00:00.000000Z" },
  FlowSchema: { spec: { priorityLevelConfiguration: { name: "global-default" }, rules: [{ subjects: [{ kind: "Group", group: { name: "system:authenticated" } }], nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/healthz"] }] }] } },
  HorizontalPodAutoscaler: { spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "subject" }, maxReplicas: 3 } },
  Ingress: { spec: { defaultBackend: { service: { name: "subject", port: { number: 80 } } } } },
  IngressClass: { spec: { controller: "example.com/controller" } },
  IPAddress: { metadata: { name: "10.96.0.200" }, spec: { parentRef: { resource: "services", namespace: "default", name: "subject" } } },
  Job: { spec: { template: { spec: { ...podSpec, restartPolicy: "Never" } } } },
  Lease: { spec: { holderIdentity: "a", leaseDurationSeconds: 15 } },
  LimitRange: { spec: { limits: [{ type: "Container", default: { cpu: "1" } }] } },
  MutatingAdmissionPolicy: { spec: { matchConstraints, reinvocationPolicy: "Never", mutations: [{ patchType: "JSONPatch", jsonPatch: { expression: '[JSONPatch{op: "add", path: "/metadata/labels/a", value: "b"}]' } }] } },
  MutatingAdmissionPolicyBinding: { spec: { policyName: "none" } },
  MutatingWebhookConfiguration: { webhooks },
  NetworkPolicy: { spec: { podSelector: {}, ingress: [{ from: [{ podSelector: selector }] }] } },
  Node: { spec: { podCIDR: "10.42.9.0/24" } },
  PersistentVolume: { spec: { capacity: requests, accessModes: ["ReadWriteOnce"], hostPath: { path: "/data" } } },
  PersistentVolumeClaim: { spec: { accessModes: ["ReadWriteOnce"], resources: { requests } } },
  Pod: { spec: podSpec },
  PodDisruptionBudget: { spec: { minAvailable: 1, selector } },
  PodTemplate: { template },
  PriorityClass: { value: 100 },
  PriorityLevelConfiguration: { spec: { type: "Limited", limited: { nominalConcurrencyShares: 5, limitResponse: { type: "Reject" } } } },
  ReplicaSet: { spec: { selector, template } },
  ReplicationController: { spec: { selector: labels, template } },
  ResourceClaim: { spec: { devices: { requests: [{ name: "a", exactly: { deviceClassName: "gpu" } }] } } },
  ResourceClaimTemplate: { spec: { spec: { devices: { requests: [{ name: "a", exactly: { deviceClassName: "gpu" } }] } } } },
  ResourceQuota: { spec: { hard: { pods: "10" } } },
  ResourceSlice: { spec: { driver: "d.example.com", pool: { name: "p", generation: 1, resourceSliceCount: 1 }, nodeName: "subject", devices: [{ name: "d0" }] } },
  Role: { rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] },
  RoleBinding: { roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" }, subjects: [subject] },
  RuntimeClass: { handler: "wasi" },
  Secret: { data: { a: "YQ==" } },
  Service: { spec: { ports: [{ port: 80 }], selector: labels } },
  ServiceCIDR: { spec: { cidrs: ["10.97.0.0/24"] } },
  StatefulSet: { spec: { selector, serviceName: "subject", template } },
  StorageClass: { provisioner: "example.com/p" },
  ValidatingAdmissionPolicy: { spec: { matchConstraints, validations: [{ expression: "object.spec.replicas < 100" }] } },
  ValidatingAdmissionPolicyBinding: { spec: { policyName: "none", validationActions: ["Audit"] } },
  ValidatingWebhookConfiguration: { webhooks },
  VolumeAttachment: { spec: { attacher: "d.example.com", nodeName: "subject", source: { persistentVolumeName: "v" } } },
  VolumeAttributesClass: { driverName: "d.example.com", parameters: { a: "b" } },
};

export const nameOf = (kind: string): string => (validObjects[kind] as { metadata?: { name: string } } | undefined)?.metadata?.name ?? meta.name;
