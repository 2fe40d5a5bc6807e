/**
 * wasi:http/outgoing-handler 0.2: requests to hosts that the pod was granted. The name is resolved first, so that the grant
 * can be held against what it leads to; redirects are the guest's to follow, and a new request is judged anew.
 */
import { isIP } from "node:net";
import { Fields } from "./http-fields.ts";
import { IncomingBody, OutgoingBody } from "./http-types.ts";
import type { Answer } from "./http-types.ts";
import { Failure, Pollable } from "./io.ts";
import type { RequestHead, Word } from "./net-messages.ts";
import { Connection } from "./net-stream.ts";
import type { Granted } from "./sockets.ts";
import { lookAround, NEVER } from "./waiting.ts";

type ErrorCode = { readonly tag: string; readonly val?: unknown };
type Scheme = { readonly tag: "HTTP" | "HTTPS" } | { readonly tag: "other"; readonly val: string };
type Method = { readonly tag: string; readonly val?: string };

/** What a guest that sets no limits gets; in nanoseconds, as the interface counts. */
const DEFAULT_CONNECT_NS = 30_000_000_000n;
const DEFAULT_ANSWER_NS = 120_000_000_000n;
const MAX_TIMEOUT_MS = 3_600_000;
/** RFC 9110 9.1: a token */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;
/** RFC 3986 3.3 and 3.4, and what clients send beyond it; never a space or a control character */
const PATH = /^[\x21-\x7e\x80-\xff]*$/;
const AUTHORITY = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:@/?#[\]]+))(?::(\d{1,5}))?$/;

export class RequestOptions {
  #connect: bigint | undefined;
  #firstByte: bigint | undefined;
  #betweenBytes: bigint | undefined;

  connectTimeout = () => this.#connect;
  firstByteTimeout = () => this.#firstByte;
  betweenBytesTimeout = () => this.#betweenBytes;

  setConnectTimeout(value: bigint | undefined): void {
    this.#connect = value;
  }

  setFirstByteTimeout(value: bigint | undefined): void {
    this.#firstByte = value;
  }

  setBetweenBytesTimeout(value: bigint | undefined): void {
    this.#betweenBytes = value;
  }
}

export class OutgoingRequest {
  readonly #headers: Fields;
  #method: Method = { tag: "get" };
  #path: string | undefined;
  #scheme: Scheme | undefined;
  #authority: string | undefined;
  #body: OutgoingBody | undefined;

  constructor(headers: Fields) {
    this.#headers = headers.freeze();
  }

  headers = () => this.#headers;
  method = () => this.#method;
  pathWithQuery = () => this.#path;
  scheme = () => this.#scheme;
  authority = () => this.#authority;

  setMethod(method: Method): void {
    if (method.tag === "other" && !TOKEN.test(method.val ?? "")) throw new Failure(undefined);
    this.#method = method;
  }

  setPathWithQuery(path: string | undefined): void {
    if (path !== undefined && !PATH.test(path)) throw new Failure(undefined);
    this.#path = path;
  }

  setScheme(scheme: Scheme | undefined): void {
    if (scheme?.tag === "other" && !/^[A-Za-z][A-Za-z0-9+.-]*$/.test(scheme.val)) throw new Failure(undefined);
    this.#scheme = scheme;
  }

  setAuthority(authority: string | undefined): void {
    if (authority !== undefined && !AUTHORITY.test(authority)) throw new Failure(undefined);
    this.#authority = authority;
  }

  body(): OutgoingBody {
    if (this.#body !== undefined) throw new Failure(undefined);
    return (this.#body = OutgoingBody.forRequest());
  }

  /** the body that was taken, if any */
  taken(): OutgoingBody | undefined {
    return this.#body;
  }
}

export class IncomingResponse {
  #status = 0;
  #headers: Fields | undefined;
  #body: IncomingBody | undefined;
  #end: (() => void) | undefined;

  static of(status: number, headers: readonly string[], body: IncomingBody, end: () => void): IncomingResponse {
    const response = new IncomingResponse();
    response.#status = status;
    response.#headers = Fields.fromRaw(headers);
    response.#body = body;
    response.#end = end;
    return response;
  }

  status = () => this.#status;

  headers(): Fields {
    return (this.#headers ??= Fields.fromRaw([]));
  }

  consume(): IncomingBody {
    const body = this.#body;
    if (body === undefined) throw new Failure(undefined);
    this.#body = undefined;
    return body;
  }

  [Symbol.dispose](): void {
    // a body that was taken lives on
    if (this.#body !== undefined) this.#end?.();
  }
}

type Outcome = { readonly tag: "ok"; readonly val: IncomingResponse } | { readonly tag: "err"; readonly val: ErrorCode };

export class FutureIncomingResponse {
  #outcome: (() => Outcome | undefined) | undefined;
  #due = NEVER;
  #given = false;

  /** @param due when there is an outcome at the latest, if nobody brings one before */
  static of(outcome: () => Outcome | undefined, due: bigint): FutureIncomingResponse {
    const future = new FutureIncomingResponse();
    future.#outcome = outcome;
    future.#due = due;
    return future;
  }

  subscribe(): Pollable {
    return new Pollable(this.#due, () => this.#outcome?.() !== undefined);
  }

  get() {
    lookAround();
    const outcome = this.#outcome?.();
    if (outcome === undefined) return undefined;
    if (this.#given) return { tag: "err", val: undefined };
    this.#given = true;
    return { tag: "ok", val: outcome };
  }
}

/** @param granted undefined: the pod has no network */
export function outgoingHandler(granted: Granted | undefined, refused: (what: string) => void) {
  return {
    handle(request: OutgoingRequest, options: RequestOptions | undefined): FutureIncomingResponse {
      if (granted === undefined) {
        refused("wasi:http/outgoing-handler");
        throw new Failure<ErrorCode>({ tag: "HTTP-request-denied" });
      }
      return send({ granted, request, options, target: allowed(granted, targetOf(request)) });
    },
  };
}

interface Target {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

function targetOf(request: OutgoingRequest): Target {
  const scheme = request.scheme() ?? { tag: "HTTPS" };
  if (scheme.tag === "other") throw new Failure<ErrorCode>({ tag: "HTTP-protocol-error" });
  const secure = scheme.tag === "HTTPS";
  const match = AUTHORITY.exec(request.authority() ?? "");
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined) throw new Failure<ErrorCode>({ tag: "HTTP-request-URI-invalid" });
  const port = match[3] === undefined ? (secure ? 443 : 80) : Number(match[3]);
  if (port < 1 || port > 65535) throw new Failure<ErrorCode>({ tag: "HTTP-request-URI-invalid" });
  return { secure, host, port };
}

const denied = new Failure<ErrorCode>({ tag: "HTTP-request-denied" });

/** Whether the host may be asked for at all; what a name leads to is judged when it is known. @throws Failure */
function allowed({ outbound, refused }: Granted, target: Target): Target {
  const { host, port } = target;
  // "127.1" or "0x7f000001" is an address to the system's resolver, never a name to us
  const disguised = isIP(host) === 0 && /^(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*\.?$/i.test(host);
  if (!disguised && (isIP(host) === 0 ? outbound.allowsName(host, port) : outbound.allowsAddress(host, port))) return target;
  refused(`a request to ${host}:${port}`);
  throw denied;
}

/** Tells the addresses that may be used, or why there are none; at once for an address. @throws Failure: too many look-ups */
function resolve({ net, outbound, refused }: Granted, { host, port }: Target, tell: (found: readonly string[] | ErrorCode) => void): void {
  if (isIP(host) !== 0) return tell([host]);
  const end = (found: readonly string[] | ErrorCode) => {
    net.end(id);
    tell(found);
  };
  const id = net.begin({ op: "resolve", name: host }, (word) => {
    if (word.is === "failed") return end({ tag: "DNS-error", val: { rcode: word.code, infoCode: undefined } });
    if (word.is !== "addresses") return;
    const usable = outbound.resolved(host, word.list).filter((address) => outbound.allowsAddress(address, port));
    if (usable.length > 0) return end(usable);
    refused(`a request to ${host}:${port}`);
    end(denied.payload);
  });
}

interface Sending {
  readonly granted: Granted;
  readonly request: OutgoingRequest;
  readonly options: RequestOptions | undefined;
  readonly target: Target;
}

/** Nothing of it waits: the request leaves when its host's addresses are known, and the guest asks the future. */
function send({ granted, request, options, target }: Sending): FutureIncomingResponse {
  const { net } = granted;
  let outcome: Outcome | undefined;
  let connection: Connection | undefined;
  let id = 0;
  const due = process.hrtime.bigint() + (options?.connectTimeout() ?? DEFAULT_CONNECT_NS);
  let resolved = false;
  const hear = (word: Word) => {
    if (word.is === "response" && connection !== undefined) {
      const arrived = connection;
      let finished = false;
      const end = () => {
        if (!finished) net.end(id);
        finished = true;
      };
      const body = IncomingBody.arriving(() => arrived.input(), end);
      outcome = { tag: "ok", val: IncomingResponse.of(word.status, word.headers, body, end) };
      return;
    }
    if (word.is === "failed" && outcome === undefined) {
      outcome = { tag: "err", val: errorOf(word.code, word.message) };
      net.end(id);
    }
    connection?.hear(word);
  };
  const leave = (addresses: readonly string[]) => {
    const begin = (headers: readonly string[]) => {
      id = net.begin({ op: "request", head: headOf(request, options, target, addresses, headers) }, hear);
      connection = new Connection(net, id, (code) => (outcome?.tag === "ok" ? `http:${errorOf(code, "").tag}` : "http"));
    };
    const answer: Answer = {
      writeHead: (_status, headers) => begin(headers),
      write(chunk) {
        connection?.write(chunk);
        return true;
      },
      end(chunk?: Uint8Array | string, encoding?: "latin1") {
        const bytes = typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk;
        // what was collected may be more than the window: it is in memory already
        if (bytes !== undefined && connection !== undefined) net.tell({ id, op: "write", bytes: Uint8Array.from(bytes) });
        if (connection !== undefined) net.tell({ id, op: "end" });
      },
      writableLength: 0,
      permit: () => connection?.permit() ?? 0,
      abort() {
        outcome ??= { tag: "err", val: { tag: "HTTP-protocol-error" } };
        if (connection !== undefined) net.end(id);
      },
    };
    const body = request.taken();
    if (body !== undefined) return body.leave(answer, request.headers().raw());
    begin(request.headers().raw());
    net.tell({ id, op: "end" });
  };
  resolve(granted, target, (found) => {
    if (outcome !== undefined) return;
    resolved = true;
    try {
      if (isAddresses(found)) leave(found);
      else outcome = { tag: "err", val: found };
    } catch (error) {
      // too many requests at once: nobody is there to be told but the future
      if (!(error instanceof Failure)) throw error;
      outcome = { tag: "err", val: { tag: "internal-error", val: "too many requests at once" } };
    }
  });
  return FutureIncomingResponse.of(() => {
    if (!resolved && process.hrtime.bigint() >= due) outcome ??= { tag: "err", val: { tag: "DNS-timeout" } };
    return outcome;
  }, due);
}

const isAddresses = (found: readonly string[] | ErrorCode): found is readonly string[] => Array.isArray(found);

function headOf(request: OutgoingRequest, options: RequestOptions | undefined, target: Target, addresses: readonly string[], headers: readonly string[]): RequestHead {
  const { secure, host, port } = target;
  const method = request.method();
  const standard = port === (secure ? 443 : 80);
  const named = host.includes(":") ? `[${host}]` : host;
  return {
    method: method.tag === "other" ? (method.val ?? "GET") : method.tag.toUpperCase(),
    secure, host, port, addresses,
    path: request.pathWithQuery() || "/",
    headers: ["host", standard ? named : `${named}:${port}`, ...headers],
    connectMs: milliseconds(options?.connectTimeout() ?? DEFAULT_CONNECT_NS),
    firstByteMs: milliseconds(options?.firstByteTimeout() ?? DEFAULT_ANSWER_NS),
    betweenBytesMs: milliseconds(options?.betweenBytesTimeout() ?? DEFAULT_ANSWER_NS),
  };
}

const milliseconds = (nanoseconds: bigint) => Math.min(MAX_TIMEOUT_MS, Math.max(1, Number(nanoseconds / 1_000_000n)));

const errors: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection-refused", ECONNRESET: "connection-terminated", EPIPE: "connection-terminated", ETIMEDOUT: "connection-timeout",
  EHOSTUNREACH: "destination-unavailable", ENETUNREACH: "destination-unavailable", ENOTFOUND: "destination-not-found",
  FIRST_BYTE_TIMEOUT: "HTTP-response-timeout", BETWEEN_BYTES_TIMEOUT: "connection-read-timeout", HPE_UPGRADE: "HTTP-upgrade-failed",
  CERT_HAS_EXPIRED: "TLS-certificate-error", DEPTH_ZERO_SELF_SIGNED_CERT: "TLS-certificate-error", SELF_SIGNED_CERT_IN_CHAIN: "TLS-certificate-error",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "TLS-certificate-error", UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "TLS-certificate-error", ERR_TLS_CERT_ALTNAME_INVALID: "TLS-certificate-error",
};

function errorOf(code: string, message: string): ErrorCode {
  const tag = errors[code] ?? (code.startsWith("HPE_") ? "HTTP-protocol-error" : undefined);
  return tag === undefined ? { tag: "internal-error", val: `${code}: ${message}` } : { tag };
}
