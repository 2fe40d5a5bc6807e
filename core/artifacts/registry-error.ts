/** Errors as registry clients read them (OCI distribution specification 1.1, "Error codes"). */
export const codes = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 416,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 413,
  TOOMANYREQUESTS: 429,
  UNSUPPORTED: 405,
} as const;

export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly code: keyof typeof codes;
  readonly status: number;

  constructor(code: keyof typeof codes, message: string, status: number = codes[code]) {
    super(message);
    this.code = code;
    this.status = status;
  }

  response(): Response {
    return Response.json({ errors: [{ code: this.code, message: this.message }] }, { status: this.status });
  }
}
