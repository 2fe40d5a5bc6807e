/**
 * CertificateSigningRequests: approves what a node may ask for itself, signs what is approved, deletes what is old.
 * The keys of the CA stay with the signer, which is handed in.
 */
import { timestamp } from "../api/clock.ts";
import { CERTIFICATE_SIGNING_REQUESTS, SUBJECT_ACCESS_REVIEWS } from "../api/resources.gen.ts";
import { unlessGone } from "../api/status.ts";
import type { CertificateSigningRequest, CertificateSigningRequestCondition, SubjectAccessReview } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import { findCondition } from "./conditions.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";

export interface CertificateSigner {
  /** what a PKCS #10 request asks for; throws for one that is none */
  read(pem: string): Promise<CertificateSubject>;
  /** the chain in PEM; throws with a message for the user when the signer's rules forbid it */
  sign(request: { readonly pem: string; readonly signerName: string; readonly usages: readonly string[]; readonly ttlMs: number }): Promise<string>;
}

export interface CertificateSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

const CLIENT = "kubernetes.io/kube-apiserver-client";
const NODE_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
const NODE_SERVING = "kubernetes.io/kubelet-serving";
const SIGNERS: readonly string[] = [CLIENT, NODE_CLIENT, NODE_SERVING, "kubernetes.io/legacy-unknown"];
/** A certificate lives this long unless less is asked for (--cluster-signing-duration). */
export const LONGEST_MS = 365 * 86_400_000;
/** Requests are deleted this long after they were decided, or after they were made when nobody decides. */
const DECIDED_MS = 3_600_000;
const PENDING_MS = 86_400_000;

const nameOf = ({ metadata }: CertificateSigningRequest) => metadata.name ?? "";
const has = ({ status }: CertificateSigningRequest, type: string) => findCondition(status?.conditions, type) !== undefined;
const pemOf = ({ spec }: CertificateSigningRequest) => Buffer.from(spec?.request ?? "", "base64").toString("utf8");

/** Node client certificates, when RBAC lets the requestor have one: for a first one and for its own renewal. */
export function certificateApproving(deps: ControllerDeps, signer: CertificateSigner): Controller {
  const { client } = actor(deps, "certificate-controller");
  const requests = deps.informers.of(CERTIFICATE_SIGNING_REQUESTS);
  return {
    name: "certificatesigningrequest-approving",
    watches: [watching(requests, (request) => (request.spec?.signerName === NODE_CLIENT ? [nameOf(request)] : []))],
    async reconcile(name) {
      const request = requests.get(name);
      if (request === undefined || has(request, "Approved") || has(request, "Denied") || (request.status?.certificate ?? "") !== "") return undefined;
      const subject = await signer.read(pemOf(request)).catch(() => undefined);
      if (subject === undefined || !isNodeClient(request, subject)) return undefined;
      const own = request.spec?.username === subject.commonName;
      for (const subresource of own ? ["selfnodeclient", "nodeclient"] : ["nodeclient"]) {
        const { username, groups, extra, uid } = request.spec ?? {};
        const resourceAttributes = { group: "certificates.k8s.io", resource: "certificatesigningrequests", subresource, verb: "create", version: "*" };
        const spec = { user: username, groups, extra, uid, resourceAttributes };
        const review: SubjectAccessReview = await client.create(SUBJECT_ACCESS_REVIEWS, { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", metadata: {}, spec });
        if (review.status?.allowed !== true) continue;
        const message = `Auto approving ${subresource === "selfnodeclient" ? "self kubelet" : "kubelet"} client certificate after SubjectAccessReview.`;
        const at = timestamp(deps.clock.now());
        const condition = { type: "Approved", status: "True", reason: "AutoApproved", message, lastUpdateTime: at, lastTransitionTime: at };
        await client.update(CERTIFICATE_SIGNING_REQUESTS, { name, subresource: "approval" }, withCondition(request, condition));
        return undefined;
      }
      return undefined;
    },
  };
}

const NODE_USAGES = new Set(["key encipherment", "digital signature", "client auth"]);

export function isNodeClient({ spec }: CertificateSigningRequest, subject: CertificateSubject): boolean {
  const usages = spec?.usages ?? [];
  return (
    subject.organizations.length === 1 &&
    subject.organizations[0] === "system:nodes" &&
    subject.commonName.startsWith("system:node:") &&
    subject.dnsNames.length === 0 &&
    subject.ipAddresses.length === 0 &&
    usages.includes("client auth") &&
    usages.includes("digital signature") &&
    usages.every((usage) => NODE_USAGES.has(usage))
  );
}

export function certificateSigning(deps: ControllerDeps, signer: CertificateSigner): Controller {
  const { client } = actor(deps, "certificate-controller");
  const requests = deps.informers.of(CERTIFICATE_SIGNING_REQUESTS);
  return {
    name: "certificatesigningrequest-signing",
    watches: [watching(requests, (request) => (SIGNERS.includes(request.spec?.signerName ?? "") ? [nameOf(request)] : []))],
    async reconcile(name) {
      const request = requests.get(name);
      if (request === undefined || !has(request, "Approved") || has(request, "Denied") || has(request, "Failed")) return undefined;
      if ((request.status?.certificate ?? "") !== "") return undefined;
      const { signerName = "", usages = [], expirationSeconds } = request.spec ?? {};
      const ttlMs = expirationSeconds === undefined ? LONGEST_MS : Math.min(LONGEST_MS, expirationSeconds * 1000);
      const target = { name, subresource: "status" };
      let chain: string;
      try {
        chain = await signer.sign({ pem: pemOf(request), signerName, usages, ttlMs });
      } catch (error) {
        const at = timestamp(deps.clock.now());
        const message = error instanceof Error ? error.message : String(error);
        const failed = { type: "Failed", status: "True", reason: "SignerValidationFailure", message, lastUpdateTime: at, lastTransitionTime: at };
        await client.update(CERTIFICATE_SIGNING_REQUESTS, target, withCondition(request, failed));
        return undefined;
      }
      const certificate = Buffer.from(chain).toString("base64");
      await client.update(CERTIFICATE_SIGNING_REQUESTS, target, { ...request, status: { ...request.status, certificate } });
      return undefined;
    },
  };
}

export function certificateCleaning(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "certificate-controller");
  const requests = deps.informers.of(CERTIFICATE_SIGNING_REQUESTS);
  return {
    name: "certificatesigningrequest-cleaning",
    watches: [watching(requests, (request) => [nameOf(request)])],
    async reconcile(name) {
      const request = requests.get(name);
      if (request === undefined) return undefined;
      const left = endOf(request) - deps.clock.now();
      if (left > 0) return { afterMs: left };
      await unlessGone(client.delete(CERTIFICATE_SIGNING_REQUESTS, { name }));
      return undefined;
    },
  };
}

/** The moment from which nobody needs the request. */
export function endOf({ metadata, status }: CertificateSigningRequest): number {
  const conditions = status?.conditions ?? [];
  const decided = findCondition(conditions, "Failed") ?? findCondition(conditions, "Denied") ?? findCondition(conditions, "Approved");
  if (decided === undefined) return Date.parse(metadata.creationTimestamp ?? "") + PENDING_MS;
  const waits = decided.type === "Approved" && (status?.certificate ?? "") === "";
  return Date.parse(decided.lastUpdateTime ?? metadata.creationTimestamp ?? "") + (waits ? PENDING_MS : DECIDED_MS);
}

const withCondition = (request: CertificateSigningRequest, condition: CertificateSigningRequestCondition): CertificateSigningRequest => ({
  ...request,
  status: { ...request.status, conditions: [...(request.status?.conditions ?? []), condition] },
});
