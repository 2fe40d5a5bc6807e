/** Certificates, service accounts and reviews. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import type { AnyObject } from "../../../core/api/meta.ts";
import { CERTIFICATE_SIGNING_REQUESTS, CONFIG_MAPS, LOCAL_SUBJECT_ACCESS_REVIEWS, PODS, SELF_SUBJECT_ACCESS_REVIEWS, SERVICE_ACCOUNTS, SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS } from "../../../core/api/resources.gen.ts";
import type { APIResourceList } from "../../../core/api/types.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { conformance } from "../support/conformance.ts";
import { operations, updateFresh } from "../support/operations.ts";

const POD_CERTIFICATE_REQUESTS = { group: "certificates.k8s.io", version: "v1", plural: "podcertificaterequests" };
const container = { name: "main", image: "registry.example/image:1" };

/** A certificate request, or with "-x509" a certificate that signed itself; base64 of PEM. */
function certificatePem(...more: readonly string[]): string {
  const pem = execFileSync("openssl", ["req", "-new", ...more, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=conformance"], { stdio: ["ignore", "pipe", "ignore"] });
  return pem.toString("base64");
}

export const authApi = [
  conformance("[sig-auth] Certificates API [Privileged:ClusterAdmin] should support CSR API operations", async (c) => {
    const object = { spec: { request: certificatePem(), signerName: "example.com/conformance", expirationSeconds: 3600, usages: ["digital signature", "client auth"] } };
    const certificate = certificatePem("-x509");
    await operations(c, { resource: CERTIFICATE_SIGNING_REQUESTS, object, status: { patch: { metadata: {} }, took: ({ spec }) => spec?.signerName === "example.com/conformance" } });
    const { resources } = await c.api.read<APIResourceList>("/apis/certificates.k8s.io/v1");
    for (const name of ["approval", "status"]) assert.ok(resources.some((one) => one.name === `certificatesigningrequests/${name}`));

    const requests = c.api.of(CERTIFICATE_SIGNING_REQUESTS);
    const name = `${c.unique}-approved`;
    await requests.create({ metadata: { name }, ...object });
    c.after(() => requests.delete(name));
    const approved = await requests.patch(name, { status: { conditions: [{ type: "ApprovalPatch", status: "True", reason: "patched" }] } }, "merge", "approval");
    assert.deepEqual(approved.status?.conditions?.map(({ type }) => type), ["ApprovalPatch"]);
    const updated = await updateFresh(requests, name, (fresh) => ({ ...fresh, status: { ...fresh.status, conditions: [...(fresh.status?.conditions ?? []), { type: "Approved", status: "True", reason: "E2E" }] } }), "approval");
    assert.equal(updated.status?.conditions?.length, 2);
    assert.equal((await requests.get(name, "approval")).status?.conditions?.length, 2);
    assert.equal((await requests.patch(name, { status: { certificate } }, "merge", "status")).status?.certificate, certificate);
    const status = await updateFresh(requests, name, (fresh) => ({ ...fresh, status: { ...fresh.status, conditions: [...(fresh.status?.conditions ?? []), { type: "StatusUpdate", status: "True", reason: "E2E" }] } }), "status");
    assert.equal(status.status?.conditions?.length, 3);
    assert.equal((await requests.get(name, "status")).status?.certificate, certificate);
  }),

  conformance("[sig-auth] PodCertificateRequest API [Privileged:ClusterAdmin] should support PodCertificateRequest API operations", (c) => operations<AnyObject>(c, { resource: POD_CERTIFICATE_REQUESTS, namespaced: true, object: { spec: {} } }), { since: 37 }),

  conformance("[sig-auth] ServiceAccounts should allow opting out of API token automount", async ({ api, namespace }) => {
    const accounts = api.of(SERVICE_ACCOUNTS, namespace);
    const pods = api.of(PODS, namespace);
    const options = [undefined, true, false];
    for (const mount of options) await accounts.create({ metadata: { name: `account-${mount}` }, ...(mount === undefined ? {} : { automountServiceAccountToken: mount }) });
    for (const ofAccount of options) {
      for (const ofPod of options) {
        const name = `pod-${ofAccount}-${ofPod}`;
        await pods.create({ metadata: { name }, spec: { containers: [container], serviceAccountName: `account-${ofAccount}`, ...(ofPod === undefined ? {} : { automountServiceAccountToken: ofPod }) } });
        const mounts = (await pods.get(name)).spec?.containers[0]?.volumeMounts ?? [];
        assert.equal(mounts.some(({ mountPath }) => mountPath === "/var/run/secrets/kubernetes.io/serviceaccount"), ofPod ?? ofAccount ?? true, name);
      }
    }
  }),

  conformance("[sig-auth] ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview", async ({ api, namespace }) => {
    const accounts = api.of(SERVICE_ACCOUNTS, namespace);
    const { metadata } = await accounts.create({ metadata: { name: "account" } });
    const created = await api.send<AnyObject & { readonly status: { readonly token: string } }>("POST", `${accounts.path}/account/token`, { body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {}, spec: { expirationSeconds: 3600 } } });
    assert.equal(created.status, 201, created.text);
    const review = await api.of(TOKEN_REVIEWS).create({ spec: { token: created.json.status.token } });
    assert.equal(review.status?.authenticated, true, review.status?.error);
    assert.equal(review.status.user?.username, `system:serviceaccount:${namespace}:account`);
    assert.equal(review.status.user.uid, metadata.uid);
    assert.ok(review.status.user.groups?.includes(`system:serviceaccounts:${namespace}`));
    assert.ok(review.status.user.extra?.["authentication.kubernetes.io/credential-id"]?.[0]?.startsWith("JTI="));
  }),

  conformance("[sig-auth] ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace", async ({ api, namespace }) => {
    const maps = api.of(CONFIG_MAPS, namespace);
    const certificate = async () => (await maps.get("kube-root-ca.crt")).data?.["ca.crt"];
    const first = await eventually("the certificate is there", certificate);
    assert.match(first, /^-----BEGIN CERTIFICATE-----/);
    const { metadata } = await maps.get("kube-root-ca.crt");
    await maps.delete("kube-root-ca.crt");
    await eventually("it is made again", async () => (await maps.get("kube-root-ca.crt")).metadata.uid !== metadata.uid);
    assert.equal(await certificate(), first);
    await updateFresh(maps, "kube-root-ca.crt", (fresh) => ({ ...fresh, data: { "ca.crt": "" } }));
    await eventually("it is put right", async () => (await certificate()) === first);
  }),

  conformance("[sig-auth] ServiceAccounts should run through the lifecycle of a ServiceAccount", async ({ api, namespace, unique }) => {
    const accounts = api.of(SERVICE_ACCOUNTS, namespace);
    const watch = await accounts.watch({ labelSelector: unique, resourceVersion: (await accounts.list()).metadata.resourceVersion ?? "" });
    await accounts.create({ metadata: { name: "account", labels: { [unique]: "x" } } });
    await watch.until("ADDED");
    await accounts.patch("account", { automountServiceAccountToken: false }, "strategic");
    await watch.until("MODIFIED", (account) => account.automountServiceAccountToken === false);
    assert.deepEqual((await api.of(SERVICE_ACCOUNTS).list({ labelSelector: unique })).items.map(({ metadata }) => metadata.name), ["account"]);
    await accounts.deleteCollection({ labelSelector: unique });
    await watch.until("DELETED");
    watch.close();
  }),
  conformance("[sig-auth] ServiceAccounts should update a ServiceAccount", async ({ api, namespace }) => {
    const accounts = api.of(SERVICE_ACCOUNTS, namespace);
    await accounts.create({ metadata: { name: "account" } });
    await updateFresh(accounts, "account", (fresh) => ({ ...fresh, automountServiceAccountToken: true }));
    assert.equal((await accounts.get("account")).automountServiceAccountToken, true);
  }),

  conformance("[sig-auth] SubjectReview should support SubjectReview API operations", async ({ api, namespace }) => {
    await api.of(SERVICE_ACCOUNTS, namespace).create({ metadata: { name: "account" } });
    const user = `system:serviceaccount:${namespace}:account`;
    const resourceAttributes = { verb: "list", resource: "configmaps", version: "v1", namespace };
    const subject = await api.of(SUBJECT_ACCESS_REVIEWS).create({ spec: { user, resourceAttributes } });
    assert.equal(subject.status?.allowed, false);
    const local = await api.of(LOCAL_SUBJECT_ACCESS_REVIEWS, namespace).create({ metadata: { namespace }, spec: { user, resourceAttributes } });
    assert.equal(local.status?.allowed, false);
    const own = await api.send<typeof local>("POST", api.of(SELF_SUBJECT_ACCESS_REVIEWS).path, { headers: { "Impersonate-User": user }, body: { spec: { resourceAttributes } } });
    assert.equal(own.status, 201, own.text);
    assert.equal(own.json.status?.allowed, false);
    assert.equal((await api.send("GET", api.of(CONFIG_MAPS, namespace).path, { headers: { "Impersonate-User": user } })).status, 403);
    const admin = await api.of(SELF_SUBJECT_ACCESS_REVIEWS).create({ spec: { resourceAttributes } });
    assert.equal(admin.status?.allowed, true);
  }),
];
