/** What a PKCS #10 request asks for. Nothing of it is granted by reading it: signers and admission decide with it. */
export interface CsrSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** Rejects with an Error when it is no certificate request */
export async function csrSubject(pem: string): Promise<CsrSubject> {
  // not at start, see issue.ts
  const x509 = await import("./x509.ts");
  const request = new x509.Pkcs10CertificateRequest(pem);
  const names = request.extensions.find((one) => one instanceof x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  return {
    commonName: request.subjectName.getField("CN")[0] ?? "",
    organizations: request.subjectName.getField("O"),
    dnsNames: names.filter((name) => name.type === "dns").map((name) => name.value),
    ipAddresses: names.filter((name) => name.type === "ip").map((name) => name.value),
  };
}
