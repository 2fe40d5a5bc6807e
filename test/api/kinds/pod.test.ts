import test from "ava";
import type { Pod } from "../../../core/api/types.gen.ts";
import { created, pod, refusals, updateRefusals, warnings } from "./support.ts";

const LABEL = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

const wrong: readonly (readonly [title: string, spec: object, container: object, refusals: readonly string[]])[] = [
  ["no container", { containers: [] }, {}, ["spec.containers: Required value"]],
  ["a null list of containers", { containers: null }, {}, ["spec.containers: Required value"]],
  ["a name that is no label", {}, { name: "A_b" }, [`spec.containers[0].name: Invalid value: "A_b": ${LABEL}`]],
  ["blanks around an image", {}, { image: " x " }, ['spec.containers[0].image: Invalid value: " x ": must not have leading or trailing whitespace']],
  ["an unknown restart policy", { restartPolicy: "X" }, {}, ['spec.restartPolicy: Unsupported value: "X": supported values: "Always", "OnFailure", "Never"']],
  ["a deadline of zero", { activeDeadlineSeconds: 0 }, {}, ["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"]],
  ["a port without number", {}, { ports: [{ containerPort: 0 }] }, ["spec.containers[0].ports[0].containerPort: Required value"]],
  ["a port of the device twice", {}, { ports: [{ containerPort: 1, hostPort: 80 }, { containerPort: 2, hostPort: 80 }] }, ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"']],
  ["a variable with an equals sign", {}, { env: [{ name: "a=b" }] }, ['spec.containers[0].env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than \'=\'']],
  ["a value given twice", {}, { env: [{ name: "A", value: "1", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] }, ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty']],
  ["a field that no pod has", {}, { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.foo" } } }] }, ['spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.foo": error converting fieldPath: field label not supported: spec.foo']],
  ["a request above its limit", {}, { resources: { requests: { cpu: "2" }, limits: { cpu: "1" } } }, ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1']],
  ["half a device", {}, { resources: { limits: { "example.com/x": "500m" } } }, ['spec.containers[0].resources.limits[example.com/x]: Invalid value: "500m": must be an integer', 'spec.containers[0].resources.requests[example.com/x]: Invalid value: "500m": must be an integer']],
  ["a probe without handler", {}, { livenessProbe: {} }, ["spec.containers[0].livenessProbe: Required value: must specify a handler type"]],
  ["a mount of no volume", {}, { volumeMounts: [{ name: "x", mountPath: "/x" }] }, ['spec.containers[0].volumeMounts[0].name: Not found: "x"']],
  ["a way out of a volume", { volumes: [{ name: "v", emptyDir: {} }] }, { volumeMounts: [{ name: "v", mountPath: "/v", subPath: "../x" }] }, ["spec.containers[0].volumeMounts.subPath: Invalid value: \"../x\": must not contain '..'"]],
  ["two sources", { volumes: [{ name: "v", emptyDir: {}, hostPath: { path: "/x" } }] }, {}, ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"]],
  ["a hook of an init container", { initContainers: [{ name: "i", image: "x", lifecycle: { postStart: { exec: { command: ["x"] } } } }] }, {}, ["spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always"]],
  ["seconds without NoExecute", { tolerations: [{ key: "a", operator: "Exists", effect: "NoSchedule", tolerationSeconds: 1 }] }, {}, ['spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set']],
  ["no names from nowhere", { dnsPolicy: "None" }, {}, ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]],
  ["a user namespace on the host's network", { hostUsers: false, hostNetwork: true }, {}, ["spec.hostNetwork: Forbidden: when `hostUsers` is false"]],
  ["a node before the gates are open", { nodeName: "n", schedulingGates: [{ name: "a.io/b" }] }, {}, ["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"]],
  ["the same spread twice", { topologySpreadConstraints: [1, 2].map((maxSkew) => ({ maxSkew, topologyKey: "a", whenUnsatisfiable: "DoNotSchedule" })) }, {}, ['spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{a, DoNotSchedule}"']],
  [
    "privilege without escalation", {}, { securityContext: { privileged: true, allowPrivilegeEscalation: false } },
    ['spec.containers[0].securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true'],
  ],
];

for (const [title, spec, container, expected] of wrong) test(`refuses ${title}`, (t) => t.deepEqual(refusals(pod(spec, container)), expected));

test("a pod needs nothing but a container with a name and an image", (t) => t.deepEqual(refusals(pod()), []));

test("defaults and status of a pod", (t) => {
  const { spec, status } = created(pod({ hostNetwork: true }, { resources: { limits: { cpu: "1" } }, ports: [{ containerPort: 80 }] })) as unknown as Pod;
  t.like(spec, { dnsPolicy: "ClusterFirst", restartPolicy: "Always", terminationGracePeriodSeconds: 30, enableServiceLinks: true });
  t.like(spec?.containers[0], { imagePullPolicy: "Always", resources: { limits: { cpu: "1" }, requests: { cpu: "1" } }, ports: [{ containerPort: 80, hostPort: 80, protocol: "TCP" }] });
  t.deepEqual(status, { phase: "Pending", qosClass: "Burstable" });
});

test("what a pod asks for itself makes its class of service", (t) => {
  const classOf = (resources: object, container: object = {}) => (created(pod({ resources }, container)) as unknown as Pod).status?.qosClass;
  const both = { cpu: "1", memory: "1Gi" };
  t.is(classOf({ requests: { cpu: "1" } }), "Burstable");
  t.is(classOf({ limits: both, requests: both }), "Guaranteed");
  t.is(classOf({ limits: both, requests: both }, { resources: { requests: { cpu: "500m" } } }), "Guaranteed");
  t.is(classOf({ limits: { ...both, cpu: "2" }, requests: both }, { resources: { limits: both } }), "Burstable");
});

test("an image volume is pulled as a container's image is", (t) => {
  const volumes = ["example.com/a:1", "example.com/a", "example.com/a:latest"].map((reference, at) => ({ name: `v${at}`, image: { reference } }));
  const { spec } = created(pod({ volumes })) as unknown as Pod;
  t.deepEqual(spec?.volumes?.slice(0, 3).map(({ image }) => image?.pullPolicy), ["IfNotPresent", "Always", "Always"]);
});

test("matchLabelKeys become requirements of the selector", (t) => {
  const constraint = { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", labelSelector: {}, matchLabelKeys: ["app", "none"] };
  const { spec } = created(pod({ topologySpreadConstraints: [constraint] }, {}, { labels: { app: "x" } })) as unknown as Pod;
  t.deepEqual(spec?.topologySpreadConstraints?.[0]?.labelSelector, { matchExpressions: [{ key: "app", operator: "In", values: ["x"] }] });
});

const withSpec = (change: (spec: NonNullable<Pod["spec"]>) => object) => (object: object) => ({ ...object, spec: { ...(object as Pod).spec, ...change((object as Pod).spec as NonNullable<Pod["spec"]>) } });

test("images, tolerations and deadlines can change", (t) => {
  const change = withSpec(({ containers }) => ({ containers: containers.map((one) => ({ ...one, image: "other" })), tolerations: [{ key: "a", operator: "Exists" }], activeDeadlineSeconds: 5 }));
  t.deepEqual(updateRefusals(pod(), change), []);
});

test("everything else stays, and the refusal shows the difference", (t) => {
  const [refusal = "", ...more] = updateRefusals(pod(), withSpec(() => ({ nodeName: "z" })));
  t.deepEqual(more, []);
  t.regex(refusal, /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`/);
  t.true(refusal.includes('- "NodeName": "",\n+ "NodeName": "z",\n'));
});

test("tolerations and deadlines only change in one direction", (t) => {
  const given = pod({ tolerations: [{ key: "a", operator: "Exists" }], activeDeadlineSeconds: 5 });
  t.deepEqual(updateRefusals(given, withSpec(() => ({ tolerations: [] }))), ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"]);
  t.deepEqual(updateRefusals(given, withSpec(() => ({ activeDeadlineSeconds: 9 }))), ["spec.activeDeadlineSeconds: Invalid value: 9: must be less than or equal to previous value"]);
});

test("gates can go, not come; a gated pod can be bound to fewer nodes", (t) => {
  const given = pod({ schedulingGates: [{ name: "a.io/a" }] });
  t.deepEqual(updateRefusals(given, withSpec(() => ({ schedulingGates: [], nodeSelector: { a: "b" } }))), []);
  t.deepEqual(updateRefusals(given, withSpec(() => ({ schedulingGates: [{ name: "z.io/z" }] }))), ["spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'z.io/z'"]);
});

test("a resize changes cpu and memory and keeps the class", (t) => {
  const given = pod({}, { resources: { requests: { cpu: "100m" }, limits: { cpu: "200m" } } });
  const resources = (value: object) => withSpec(({ containers }) => ({ containers: containers.map((one) => ({ ...one, resources: value })) }));
  t.deepEqual(updateRefusals(given, resources({ requests: { cpu: "150m" }, limits: { cpu: "300m" } }), "resize"), []);
  const same = { cpu: "200m", memory: "1Gi" };
  t.deepEqual(updateRefusals(given, resources({ requests: same, limits: same }), "resize"), ['spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing']);
  t.deepEqual(updateRefusals(given, resources({ requests: { cpu: "100m" } }), "resize"), ["spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed"]);
});

test("containers for debugging come and stay", (t) => {
  const container = { name: "e", image: "x", imagePullPolicy: "Always", terminationMessagePolicy: "File" };
  const add = (more: object) => withSpec(() => ({ ephemeralContainers: [{ ...container, ...more }] }));
  t.deepEqual(updateRefusals(pod(), add({}), "ephemeralcontainers"), []);
  t.deepEqual(updateRefusals(pod(), add({ ports: [{ containerPort: 1, protocol: "TCP" }] }), "ephemeralcontainers"), ["spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container"]);
  t.deepEqual(refusals(pod({ ephemeralContainers: [container] })), ["spec.ephemeralContainers: Forbidden: cannot be set on create"]);
});

const statuses: readonly (readonly [title: string, status: object, refusals: readonly string[]])[] = [
  ["a condition with a bad name", { conditions: [{ type: "Ready", status: "True" }, { type: "a b", status: "True", observedGeneration: -1 }] }, [
    "status.conditions[1].observedGeneration: Invalid value: -1: must be a non-negative integer",
    "status.conditions[1].Type: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  ]],
  ["a claim that nobody asked for", { resourceClaimStatuses: [{ name: "x", resourceClaimName: "c" }] }, ["status.resourceClaimStatuses[0].name: Invalid value: \"x\": must match the name of an entry in `spec.resourceClaims`"]],
  ["devices of no container", { extendedResourceClaimStatus: { resourceClaimName: "c", requestMappings: [{ containerName: "z", resourceName: "r", requestName: "r" }] } }, [
    'status.extendedResourceClaimStatus.requestMappings[0].containerName: Invalid value: "z": must match the name of an entry in spec.initContainers.name or spec.containers.name',
  ]],
  ["devices that were not asked for, and are neither well nor ill", { containerStatuses: [{ name: "c", allocatedResourcesStatus: [{ name: "a.io/x", resources: [{ resourceID: "1", health: "So" }, { resourceID: "1" }] }] }] }, [
    'status.containerStatuses[0].allocatedResourcesStatus[0].name: Invalid value: "a.io/x": must match one of the container\'s resource requests',
    'status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].health: Unsupported value: "So": supported values: "Healthy", "Unhealthy", "Unknown"',
    'status.containerStatuses[0].allocatedResourcesStatus[0].resources[1].health: Unsupported value: "": supported values: "Healthy", "Unhealthy", "Unknown"',
    'status.containerStatuses[0].allocatedResourcesStatus[0].resources[1].resourceID: Duplicate value: "1"',
  ]],
  ["devices of a guest", { ephemeralContainerStatuses: [{ name: "e", allocatedResourcesStatus: [{ name: "a.io/x" }] }] }, ["status.ephemeralContainerStatuses[0].allocatedResourcesStatus: Forbidden: must not be specified in container status"]],
];

for (const [title, status, expected] of statuses) {
  test(`refuses a status with ${title}`, (t) => t.deepEqual(updateRefusals(pod(), (object: object) => ({ ...object, status: { ...(object as Pod).status, ...status } }), "status"), expected));
}

const amounts: readonly (readonly [title: string, own: object, container: object, resources: object])[] = [
  ["nothing", {}, { limits: { cpu: "1" } }, {}],
  ["requests alone", { requests: { cpu: "2" } }, { requests: { memory: "1Mi" } }, { requests: { cpu: "2" } }],
  ["a limit", { limits: { cpu: "2", "a.io/x": "1" } }, { requests: { memory: "1Mi", "a.io/x": "1" } }, { limits: { cpu: "2", "a.io/x": "1" }, requests: { cpu: "2", memory: "1Mi" } }],
  ["a limit that containers stay under", { limits: { cpu: "2" } }, { requests: { cpu: "1" } }, { limits: { cpu: "2" }, requests: { cpu: "1" } }],
  ["requests, and containers with huge pages", { requests: { cpu: "2" } }, { limits: { "hugepages-2Mi": "4Mi" } }, { limits: { "hugepages-2Mi": "4Mi" }, requests: { cpu: "2", "hugepages-2Mi": "4Mi" } }],
];

for (const [title, own, container, expected] of amounts) {
  test(`amounts of a pod that states ${title}`, (t) => t.deepEqual((created(pod({ resources: own }, { resources: container })) as unknown as Pod).spec?.resources, expected));
}

test("terms of a gated pod may only become narrower", (t) => {
  const terms = (...matchExpressions: readonly object[]) => ({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } } } });
  const [one, other] = [{ key: "a", operator: "Exists" }, { key: "b", operator: "Exists" }];
  const gated = pod({ schedulingGates: [{ name: "a.io/b" }], ...terms(one) });
  const change = (...expressions: readonly object[]) => updateRefusals(gated, (object: object) => ({ ...object, spec: { ...(object as Pod).spec, ...terms(...expressions) } }));
  const at = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]";
  t.deepEqual(change(one, other), []);
  t.deepEqual(change(other), [`${at}: Invalid value: {"MatchExpressions":[{"Key":"b","Operator":"Exists","Values":null}],"MatchFields":null}: only additions are allowed (no mutations or deletions)`]);
});

test("a status has addresses that are addresses, and keeps the class", (t) => {
  const report = (status: object) => (object: object) => ({ ...object, status: { ...(object as Pod).status, ...status } });
  t.deepEqual(updateRefusals(pod(), report({ podIPs: [{ ip: "x" }] }), "status"), ['status.podIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']);
  t.deepEqual(updateRefusals(pod(), report({ qosClass: "Guaranteed" }), "status"), ['status.qosClass: Invalid value: "Guaranteed": field is immutable']);
});

test("warns of what does not do what it seems to do", (t) => {
  const given = pod({ volumes: [{ name: "v", rbd: { monitors: ["m"], image: "i" } }] }, { env: [{ name: "A" }, { name: "A" }], resources: { requests: { memory: "100m" } } });
  t.deepEqual(warnings(given), [
    "spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+",
    'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
    'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
  ]);
});

test("only an image that may move is asked for each time, and what names none is not", (t) => {
  const policyOf = (image: string) => (created(pod({}, { image })) as unknown as Pod).spec?.containers[0]?.imagePullPolicy;
  for (const image of ["busybox", "busybox:latest", "r.example:5000/a/b", `busybox:latest@sha256:${"a".repeat(64)}`]) t.is(policyOf(image), "Always", image);
  for (const image of ["busybox:1", `busybox@sha256:${"a".repeat(64)}`, "", "Not/An/Image", "https://x/y"]) t.is(policyOf(image), "IfNotPresent", image);
});

test("a pod as a whole asks for few things, and for no claims", (t) => {
  t.deepEqual(refusals(pod({ resources: { requests: { storage: "1" }, claims: [] } })), [
    "spec.resources.claims: Forbidden: claims may not be set for Resources at pod-level",
    'spec.resources.requests[storage]: Unsupported value: "storage": supported values: "cpu", "hugepages-", "memory"',
  ]);
  t.deepEqual(refusals(pod({}, { resources: { limits: { cpu: "1", "hugepages-2Mi": "1" }, requests: { "hugepages-2Mi": "1" } } })), [
    'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "1": 1 is not positive integer multiple of hugepages-2Mi',
    'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "1": 1 is not positive integer multiple of hugepages-2Mi',
  ]);
});

test("search paths may have underscores, host names and Windows users have rules of their own", (t) => {
  t.deepEqual(refusals(pod({ dnsConfig: { searches: ["_ldap._tcp.example.com.", "."] } })), []);
  t.regex(refusals(pod({ dnsConfig: { searches: ["A"] } }))[0] ?? "", /^spec\.dnsConfig\.searches\[0\]: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '\.'/);
  t.regex(refusals(pod({ hostAliases: [{ ip: "1.2.3.4", hostnames: ["a", "B"] }] }))[0] ?? "", /^spec\.hostAliases\[0\]\.hostnames\[1\]: /);
  const user = (runAsUserName: string) => refusals(pod({}, { securityContext: { windowsOptions: { runAsUserName } } })).map((text) => text.split(": ").slice(3).join(": "));
  t.deepEqual(user("domain.example\\user"), []);
  t.deepEqual(user("a:b"), ['runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]']);
  t.deepEqual(user("..\\ . "), ["runAsUserName's Domain doesn't match the NetBios nor the DNS format", "runAsUserName's User cannot contain only periods or spaces"]);
});

test("an operating system that nobody has is refused as a whole", (t) => {
  t.deepEqual(refusals(pod({ os: { name: "plan9" } })), ['spec.os: Unsupported value: "plan9": supported values: "linux", "windows"']);
  t.deepEqual(refusals(pod({ securityContext: { seLinuxChangePolicy: "MountOption" } })), ['spec.securityContext.seLinuxChangePolicy: Unsupported value: "MountOption": supported values: "Recursive"']);
});
