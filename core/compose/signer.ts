/** Signs CertificateSigningRequests with the cluster's CA (kube-controller-manager's role). */
import { csrSubject } from "../auth/pki/csr-subject.ts";
import type { Pki } from "../auth/pki/pki.ts";
import type { CertificateSigner } from "../controllers/certificates.ts";

export function clusterSigner(pki: Pki): CertificateSigner {
  return {
    read: csrSubject,
    async sign({ pem, usages, ttlMs }) {
      const { commonName, organizations, dnsNames, ipAddresses } = await csrSubject(pem);
      const wanted = [...(usages.includes("client auth") ? (["client"] as const) : []), ...(usages.includes("server auth") ? (["server"] as const) : [])];
      return pki.signCsr(pem, {
        commonName,
        organizations,
        ttlMs,
        usages: wanted.length === 0 ? ["client"] : wanted,
        names: usages.includes("server auth") ? [...dnsNames, ...ipAddresses] : [],
      });
    },
  };
}
