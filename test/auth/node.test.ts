import test from "ava";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../core/api/types.gen.ts";
import type { User } from "../../core/api/user.ts";
import { nodeAuthorizer } from "../../core/auth/authz/node.ts";
import { podReferences } from "../../core/auth/authz/pod-references.ts";

function pod(name: string, nodeName: string, of: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop" },
    spec: {
      nodeName,
      serviceAccountName: `sa-${of}`,
      imagePullSecrets: [{ name: `pull-${of}` }],
      initContainers: [{ name: "i", env: [{ name: "A", valueFrom: { secretKeyRef: { name: `init-${of}`, key: "k" } } }] }],
      containers: [{ name: "c", envFrom: [{ configMapRef: { name: `env-${of}` } }, { secretRef: { name: `envs-${of}` } }] }],
      volumes: [
        { name: "s", secret: { secretName: `vol-${of}` } },
        { name: "p", projected: { sources: [{ configMap: { name: `proj-${of}` } }, { secret: { name: `projs-${of}` } }] } },
        { name: "d", persistentVolumeClaim: { claimName: `claim-${of}` } },
        { name: "e", ephemeral: {} },
      ],
    },
  };
}

const pods = [pod("mine", "pi", "mine"), pod("theirs", "other", "theirs")];
const claim = (of: string): PersistentVolumeClaim => ({ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: `claim-${of}`, namespace: "shop" }, spec: { volumeName: `volume-${of}` } });
const volume = (of: string): PersistentVolume => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: `volume-${of}` },
  spec: { csi: { driver: "d", volumeHandle: "h", nodePublishSecretRef: { name: `mount-${of}`, namespace: "storage" } } },
});

const authorizer = nodeAuthorizer({
  pod: (namespace, name) => pods.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  podsOf: (node) => pods.filter((one) => one.spec?.nodeName === node),
  claim: (_, name) => ["mine", "theirs"].map(claim).find(({ metadata }) => metadata.name === name),
  volume: (name) => ["mine", "theirs"].map(volume).find(({ metadata }) => metadata.name === name),
  attachedTo: (name) => (name === "attachment-mine" ? "pi" : "other"),
});
const pi: User = { name: "system:node:pi", groups: ["system:nodes", "system:authenticated"] };

async function may(verb: string, what: string, more: { namespace?: string; name?: string; fieldSelector?: string } = {}, user = pi): Promise<boolean> {
  const [qualified = "", subresource] = what.split("/");
  const dot = qualified.indexOf(".");
  const plural = dot < 0 ? qualified : qualified.slice(0, dot);
  const decision = await authorizer.authorize({ user, verb, resource: { group: dot < 0 ? "" : qualified.slice(dot + 1), version: "v1", plural, subresource, ...more } });
  return decision.allowed;
}

/** Resource, namespace, and the name of which `<of>` makes the node's own and another node's. */
const ownNotOthers: readonly (readonly [verb: string, what: string, namespace: string | undefined, name: string])[] = [
  ["get", "secrets", "shop", "pull-"],
  ["get", "secrets", "shop", "init-"],
  ["get", "secrets", "shop", "envs-"],
  ["get", "secrets", "shop", "vol-"],
  ["get", "secrets", "shop", "projs-"],
  ["get", "secrets", "storage", "mount-"],
  ["watch", "secrets", "shop", "vol-"],
  ["get", "configmaps", "shop", "env-"],
  ["list", "configmaps", "shop", "proj-"],
  ["get", "persistentvolumeclaims", "shop", "claim-"],
  ["patch", "persistentvolumeclaims/status", "shop", "claim-"],
  ["get", "persistentvolumes", undefined, "volume-"],
  ["get", "volumeattachments.storage.k8s.io", undefined, "attachment-"],
  ["get", "serviceaccounts", "shop", "sa-"],
  ["create", "serviceaccounts/token", "shop", "sa-"],
];

test("a node reads what its pods refer to, and nothing that only others' pods do", async (t) => {
  for (const [verb, what, namespace, name] of ownNotOthers) {
    const place = namespace === undefined ? {} : { namespace };
    t.true(await may(verb, what, { ...place, name: `${name}mine` }), `${verb} ${what} ${name}`);
    t.false(await may(verb, what, { ...place, name: `${name}theirs` }), `${verb} ${what} ${name} of others`);
    t.false(await may(verb, what, { namespace: "elsewhere", name: `${name === "volume-" || name === "attachment-" ? "x" : name}mine` }), `${verb} ${what} elsewhere`);
    t.false(await may(verb, what, place), `${verb} ${what} without a name`);
    t.false(await may("delete", what, { ...place, name: `${name}mine` }), `delete ${what}`);
    t.false(await may(verb, what, { ...place, name: `${name}mine` }, { name: "system:node:pi", groups: [] }), "not in system:nodes");
    t.false(await may(verb, what, { ...place, name: `${name}mine` }, { ...pi, name: "system:node:" }), "nameless");
  }
  t.true(await may("get", "persistentvolumeclaims", { namespace: "shop", name: "mine-e" }));
  t.true(await may("list", "secrets", { namespace: "shop", fieldSelector: "metadata.name=vol-mine" }));
  t.false(await may("list", "secrets", { namespace: "shop", fieldSelector: "metadata.name!=vol-mine" }));
});

test("a node reports on itself and its pods alone", async (t) => {
  t.true(await may("patch", "nodes/status", { name: "pi" }));
  t.true(await may("patch", "nodes/status", { name: "other" }), "left to admission, as in Kubernetes");
  t.false(await may("get", "nodes/status", { name: "other" }));
  t.true(await may("get", "nodes", { name: "pi" }));
  t.false(await may("get", "nodes", { name: "other" }));
  t.false(await may("list", "nodes"));
  t.true(await may("watch", "nodes", { fieldSelector: "metadata.name=pi" }));
  t.true(await may("create", "nodes"));
  t.false(await may("delete", "nodes", { name: "pi" }));
  for (const [verb, what] of [["get", "pods"], ["delete", "pods"], ["update", "pods/status"], ["create", "pods/eviction"]] as const) {
    t.true(await may(verb, what, { namespace: "shop", name: "mine" }), what);
    t.false(await may(verb, what, { namespace: "shop", name: "theirs" }), what);
    t.false(await may(verb, what, { namespace: "shop", name: "none" }), what);
  }
  // mirrors of static pods; NodeRestriction sees to it that they are nothing else
  t.true(await may("create", "pods", { namespace: "shop" }));
  t.false(await may("update", "pods", { namespace: "shop", name: "mine" }));
  t.true(await may("list", "pods", { fieldSelector: "status.phase!=Failed,spec.nodeName=pi" }));
  t.false(await may("list", "pods", { fieldSelector: "spec.nodeName=other" }));
  t.false(await may("list", "pods"));
  t.true(await may("update", "leases.coordination.k8s.io", { namespace: "kube-node-lease", name: "pi" }));
  t.false(await may("update", "leases.coordination.k8s.io", { namespace: "kube-node-lease", name: "other" }));
  t.false(await may("update", "leases.coordination.k8s.io", { namespace: "kube-system", name: "pi" }));
  t.true(await may("list", "services"));
  t.true(await may("create", "events", { namespace: "shop" }));
  t.false(await may("create", "pods/exec", { namespace: "shop", name: "mine" }));
  t.false(await may("create", "clusterroles.rbac.authorization.k8s.io"));
  t.false((await authorizer.authorize({ user: pi, verb: "get", path: "/metrics" })).allowed);
});

test("references of a pod are all found", (t) => {
  const found = [...podReferences(pod("a", "pi", "x"))].map(({ plural, name }) => `${plural}/${name}`);
  t.deepEqual(found.toSorted(), [
    "configmaps/env-x",
    "configmaps/proj-x",
    "persistentvolumeclaims/a-e",
    "persistentvolumeclaims/claim-x",
    "secrets/envs-x",
    "secrets/init-x",
    "secrets/projs-x",
    "secrets/pull-x",
    "secrets/vol-x",
    "serviceaccounts/sa-x",
  ]);
});

test("a resource with the name of something that every object has is nobody's", async (t) => {
  for (const plural of ["constructor", "toString", "hasOwnProperty"]) t.false(await may("get", plural), plural);
});

test("a refusal says what a node may do with such objects", async (t) => {
  const why = async (verb: string, plural: string, more: object = {}) => {
    const decision = await authorizer.authorize({ user: pi, verb, resource: { group: "", version: "v1", plural, namespace: "shop", ...more } as never });
    return decision.allowed ? "" : decision.reason;
  };
  t.is(await why("create", "configmaps"), "can only read resources of this type");
  t.is(await why("list", "secrets"), "No Object name found");
  t.is(await why("get", "secrets", { name: "other" }), "no relationship found between node 'pi' and this object");
  t.is(await why("list", "pods"), "can only list/watch pods with spec.nodeName field selector");
  t.is(await why("list", "nodes", { namespace: undefined }), "node 'pi' cannot read all nodes, only its own Node object");
  t.is(await why("delete", "nodes", { namespace: undefined, name: "pi" }), "");
  t.is(await why("list", "persistentvolumes", { namespace: undefined }), "can only get individual resources of this type");
  t.like(await authorizer.rulesFor(pi, "shop"), { incomplete: true, evaluationError: "node authorizer does not support user rule resolution" });
});
