/** What a PKCS #10 request asks for. Nothing of it is granted by reading it: signers and admission decide with it. */
import * as x509 from "./x509.ts";

export interface CsrSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** @throws Error when it is no certificate request */
export function csrSubject(pem: string): CsrSubject {
  const request = new x509.Pkcs10CertificateRequest(pem);
  const names = request.extensions.find((one) => one instanceof x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  return {
    commonName: request.subjectName.getField("CN")[0] ?? "",
    organizations: request.subjectName.getField("O"),
    dnsNames: names.filter((name) => name.type === "dns").map((name) => name.value),
    ipAddresses: names.filter((name) => name.type === "ip").map((name) => name.value),
  };
}
