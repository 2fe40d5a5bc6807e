/**
 * The one error type of the API. It is made where the fact is known, from a closed list of reasons, and it carries the
 * HTTP code that Kubernetes clients expect (metav1.StatusReason). The message is for the user: who, what, what to do.
 */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  /** JSON path of the field, "spec.containers[0].name" */
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  /** for most reasons the plural resource, for Invalid the kind, as Kubernetes does */
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: { readonly continue?: string };
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  /** absent in the answer to a deletion */
  readonly code?: number;
}

export const httpCodeOf = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
  ServerTimeout: 500,
} as const;

export type StatusReason = keyof typeof httpCodeOf;

export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly reason: StatusReason;
  readonly code: number;
  readonly details: StatusDetails | undefined;
  /** Kubernetes answers some failures without a reason, only with a code */
  readonly unnamed: boolean;
  /** refused by who the caller is, before anybody looked at what was asked */
  readonly atTheDoor: boolean;
  /** ListMeta.continue of a 410 that offers an inconsistent continuation */
  readonly continue: string | undefined;

  constructor(
    reason: StatusReason,
    message: string,
    more: { details?: StatusDetails; cause?: unknown; continue?: string; code?: number | undefined; unnamed?: boolean; atTheDoor?: boolean } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.reason = reason;
    this.code = more.code ?? httpCodeOf[reason];
    this.details = more.details;
    this.continue = more.continue;
    this.unnamed = more.unnamed ?? false;
    this.atTheDoor = more.atTheDoor ?? false;
  }

  toStatus(): Status {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: this.continue === undefined ? {} : { continue: this.continue },
      status: "Failure",
      message: this.message,
      ...(this.unnamed ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

export function isReason(error: unknown, reason: StatusReason): boolean {
  return error instanceof ApiError && error.reason === reason;
}

/** The answer, or undefined when what was asked for is not there: mostly it went meanwhile, and nothing is left to do. */
export async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isReason(error, "NotFound")) return undefined;
    throw error;
  }
}

/** What a message names: the plural resource with its group, as kubectl users read it ("deployments.apps"). */
export interface Named {
  readonly group: string;
  readonly plural: string;
}

const qualified = (of: Named) => (of.group === "" ? of.plural : `${of.plural}.${of.group}`);
const detailsOf = (of: Named, name: string): StatusDetails => ({
  name,
  ...(of.group === "" ? {} : { group: of.group }),
  kind: of.plural,
});

export function notFound(of: Named, name: string): ApiError {
  return new ApiError("NotFound", `${qualified(of)} "${name}" not found`, { details: detailsOf(of, name) });
}

export function alreadyExists(of: Named, name: string): ApiError {
  return new ApiError("AlreadyExists", `${qualified(of)} "${name}" already exists`, { details: detailsOf(of, name) });
}

export function conflict(of: Named, name: string, why: string): ApiError {
  return new ApiError("Conflict", `Operation cannot be fulfilled on ${qualified(of)} "${name}": ${why}`, {
    details: detailsOf(of, name),
  });
}

export function badRequest(message: string): ApiError {
  return new ApiError("BadRequest", message);
}

/** One thing wrong with one field (field.Error of apimachinery). */
export interface FieldError {
  readonly type:
    | "FieldValueNotFound"
    | "FieldValueRequired"
    | "FieldValueDuplicate"
    | "FieldValueInvalid"
    | "FieldValueNotSupported"
    | "FieldValueForbidden"
    | "FieldValueTooLong"
    | "FieldValueTooMany"
    | "InternalError"
    | "FieldValueTypeInvalid";
  readonly field: string;
  /** as Kubernetes words it, without the field: `Invalid value: "x": must be …` */
  readonly message: string;
}

/** 422: every field error at once, in the order found. */
export function invalid(of: { readonly group: string; readonly kind: string }, name: string, errors: readonly FieldError[]): ApiError {
  const kind = of.group === "" ? of.kind : `${of.kind}.${of.group}`;
  const lines = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))];
  const text = lines.length === 1 ? lines[0] : `[${lines.join(", ")}]`;
  return new ApiError("Invalid", `${kind} "${name}" is invalid: ${text}`, {
    details: {
      ...(name === "" ? {} : { name }),
      ...(of.group === "" ? {} : { group: of.group }),
      ...(of.kind === "" ? {} : { kind: of.kind }),
      causes: errors.map((error) => ({ reason: error.type, message: error.message, field: error.field })),
    },
  });
}
