import test from "ava";
import { pod, warnings } from "./support.ts";

const NO_POD = "a null labelSelector results in matching no pod";

test("selectors that find nothing", (t) => {
  const term = { topologyKey: "zone" };
  t.deepEqual(
    warnings(pod({ topologySpreadConstraints: [{ maxSkew: 1, ...term, whenUnsatisfiable: "ScheduleAnyway" }], affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }] } } })),
    [`spec.topologySpreadConstraints[0].labelSelector: ${NO_POD}`, `spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector: ${NO_POD}`],
  );
});

test("ports that meet", (t) => {
  const ports = [{ containerPort: 80, hostPort: 81 }, { containerPort: 80 }, { containerPort: 80, hostPort: 81, hostIP: "10.0.0.1" }, { containerPort: 80, name: "a" }, { containerPort: 1, name: "a" }];
  t.deepEqual(warnings(pod({}, { ports })), [
    "spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]",
    "spec.containers[0].ports[2]: dangerously ambiguous port definition with spec.containers[0].ports[0]",
    "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[1]",
    "spec.containers[0].ports[3]: overlapping port definition with spec.containers[0].ports[0]",
    "spec.containers[0].ports[3]: duplicate port definition with spec.containers[0].ports[1]",
    "spec.containers[0].ports[3]: overlapping port definition with spec.containers[0].ports[2]",
    'spec.containers[0].ports[4]: duplicate port name "a" with spec.containers[0].ports[3], services and probes that select ports by name will use spec.containers[0].ports[3]',
  ]);
});

test("files over files", (t) => {
  const items = (...paths: readonly string[]) => paths.map((path) => ({ key: "k", path }));
  const volumes = [
    { name: "a", secret: { secretName: "s", items: items("x", "x/y") } },
    { name: "b", projected: { sources: [{ configMap: { name: "c", items: items("t") } }, { serviceAccountToken: { path: "t/" } }, {}] } },
  ];
  t.deepEqual(warnings(pod({ volumes })), [
    'volume "a" (Secret "s"): overlapping paths: "x/y" with "x"',
    'volume "b" (Projected) has no sources provided',
    'volume "b" (Projected): overlapping paths: "t" (ServiceAccountToken) with "t" (ConfigMap "c")',
  ]);
});

test("a variable may build on the one it hides", (t) => {
  const env = (value: string) => warnings(pod({}, { env: [{ name: "A", value: "1" }, { name: "A", value }] }));
  t.deepEqual(env("$(A):2"), []);
  t.deepEqual(env("2"), ['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply']);
});

test("what is written twice, or for nothing", (t) => {
  t.deepEqual(warnings(pod({ imagePullSecrets: [{ name: "a" }, { name: "a" }], overhead: { memory: "1500m" } })), [
    'spec.imagePullSecrets[1].name: duplicate name "a"',
    'spec.overhead[memory]: fractional byte value "1500m" is invalid, must be an integer',
  ]);
  const annotations = { "container.seccomp.security.alpha.kubernetes.io/c": "x", "container.seccomp.security.alpha.kubernetes.io/d": "x" };
  t.deepEqual(warnings(pod({}, {}, { annotations })), [
    'metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: non-functional in v1.27+; use the "seccompProfile" field instead',
  ]);
  t.deepEqual(warnings(pod({ hostAliases: [{ ip: "2001:DB8::1", hostnames: [] }] })), [
    'spec.hostAliases[0].ip: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
  ]);
});
