/**
 * Four rules about CertificateSigningRequests: the requester is who asks, not who the body says; approving and signing
 * need a right on the signer; and the signer for API clients gives nobody the rights of system:masters.
 */
import type { AnyObject } from "../api/meta.ts";
import type { CertificateSigningRequest } from "../api/types.gen.ts";
import type { User } from "../api/user.ts";
import { MASTERS } from "../api/user.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns } from "./concerns.ts";
import { forbidden } from "./forbidden.ts";

const GROUP = "certificates.k8s.io";
const PLURAL = "certificatesigningrequests";
const API_CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client";

export interface CertificateRequestParts {
  /** may the user do `verb` ("approve", "sign") with a signer: resource signers.certificates.k8s.io? */
  readonly mayUseSigner: (user: User, verb: string, signerName: string) => Promise<boolean>;
  /** organizations in the subject of a PEM request, base64 as in spec.request; undefined if it cannot be read */
  readonly organizationsOf: (request: string) => Promise<readonly string[] | undefined>;
}

export function certificateRequester(): AdmissionPlugin {
  return {
    name: "CertificateRequester",
    handles: concerns({ group: GROUP, plural: PLURAL, operations: ["CREATE"] }),
    async mutate({ object, user }): Promise<AnyObject> {
      const { name: username, uid, groups, extra } = user;
      const given = object.spec as object | undefined;
      const spec = { ...given, uid: undefined, extra: undefined, username, groups };
      return { ...object, spec: { ...dropUndefined(spec), ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) } };
    },
  };
}

function dropUndefined(from: { readonly [field: string]: unknown }): { readonly [field: string]: unknown } {
  return Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined));
}

function signerPlugin(name: string, subresource: string, verb: string, parts: Pick<CertificateRequestParts, "mayUseSigner">): AdmissionPlugin {
  return {
    name,
    handles: concerns({ group: GROUP, plural: PLURAL, operations: ["UPDATE"], subresource }),
    async validate({ old, object, user, kind, name: request }) {
      const before = old as unknown as CertificateSigningRequest;
      const now = object as unknown as CertificateSigningRequest;
      // Others may set conditions of the status; only a certificate is a signature.
      if (verb === "sign" && now.status?.certificate === before.status?.certificate) return;
      const { signerName = "" } = before.spec;
      if (await parts.mayUseSigner(user, verb, signerName)) return;
      throw forbidden(kind, request, `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`);
    },
  };
}

export const certificateApproval = (parts: Pick<CertificateRequestParts, "mayUseSigner">) => signerPlugin("CertificateApproval", "approval", "approve", parts);
export const certificateSigning = (parts: Pick<CertificateRequestParts, "mayUseSigner">) => signerPlugin("CertificateSigning", "status", "sign", parts);

export function certificateSubjectRestriction({ organizationsOf }: Pick<CertificateRequestParts, "organizationsOf">): AdmissionPlugin {
  return {
    name: "CertificateSubjectRestriction",
    handles: concerns({ group: GROUP, plural: PLURAL, operations: ["CREATE"] }),
    async validate({ object, kind, name }) {
      const { spec } = object as unknown as CertificateSigningRequest;
      if (spec.signerName !== API_CLIENT_SIGNER) return;
      if ((await organizationsOf(spec.request))?.includes(MASTERS) !== true) return;
      throw forbidden(kind, name, `use of ${API_CLIENT_SIGNER} signer with ${MASTERS} group is not allowed`);
    },
  };
}
