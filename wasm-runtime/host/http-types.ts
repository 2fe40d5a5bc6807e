/**
 * wasi:http/types 0.2. A guest answers synchronously: what it writes is collected, and goes out in one piece when it was small
 * or in pieces as it is written when it is not. The body of a request that it makes itself goes the same way.
 */
import { Failure, InputStream, IoError, OutputStream, Pollable, streamFailed } from "./io.ts";
import { Fields } from "./http-fields.ts";

/** Beyond this an answer is sent piece by piece. */
const COLLECT_BYTES = 64 << 10;
/** Up to here one copy is cheaper than a second buffer for the kernel. */
const JOIN_BYTES = 16 << 10;
/** What may wait for a slow client: the guest cannot be suspended, so it gets an error. */
const MAX_WAITING_BYTES = 16 << 20;

type ErrorCode = { readonly tag: string; readonly val?: unknown };
type Result<T> = { readonly tag: "ok"; readonly val: T } | { readonly tag: "err"; readonly val: ErrorCode };

/** The client's side of an answer (the part of node:http's ServerResponse that is used), or the server's of a request. */
export interface Answer {
  writeHead(status: number, headers: string[]): unknown;
  write(chunk: Uint8Array): boolean;
  end(chunk?: Uint8Array): unknown;
  end(text: string, encoding: "latin1"): unknown;
  readonly writableLength: number;
  /** bytes that may be written without waiting; absent: see MAX_WAITING_BYTES. @throws stream error */
  permit?(): number;
  /** the guest gave up before the end */
  abort?(): void;
}

export interface RequestParts {
  readonly method: string;
  readonly path: string;
  readonly authority: string | undefined;
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

const methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

export class IncomingBody {
  #stream: (() => InputStream) | undefined;
  #done: (() => void) | undefined;

  /** a body that is there as a whole */
  static of(bytes: Uint8Array): IncomingBody {
    let rest = bytes;
    const body = new IncomingBody();
    body.#stream = () =>
      InputStream.from((limit) => {
        if (rest.length === 0) return undefined;
        const part = rest.subarray(0, limit);
        rest = rest.subarray(limit);
        return part;
      });
    return body;
  }

  /** @param done nobody wants more of it */
  static arriving(stream: () => InputStream, done: () => void): IncomingBody {
    const body = new IncomingBody();
    body.#stream = stream;
    body.#done = done;
    return body;
  }

  stream(): InputStream {
    const stream = this.#stream;
    if (stream === undefined) throw new Failure(undefined);
    this.#stream = undefined;
    return stream();
  }

  static finish(body: IncomingBody): FutureTrailers {
    body[Symbol.dispose]();
    return new FutureTrailers();
  }

  [Symbol.dispose](): void {
    this.#done?.();
    this.#done = undefined;
  }
}

export class FutureTrailers {
  #given = false;

  subscribe(): Pollable {
    return new Pollable();
  }

  get() {
    if (this.#given) return { tag: "err", val: undefined };
    this.#given = true;
    return { tag: "ok", val: { tag: "ok", val: undefined } };
  }
}

export class IncomingRequest {
  #parts: RequestParts = { method: "GET", path: "/", authority: undefined, headers: [], body: new Uint8Array() };
  #headers: Fields | undefined;
  #consumed = false;

  static of(parts: RequestParts): IncomingRequest {
    const request = new IncomingRequest();
    request.#parts = parts;
    return request;
  }

  method() {
    const { method } = this.#parts;
    return methods.includes(method) ? { tag: method.toLowerCase() } : { tag: "other", val: method };
  }

  pathWithQuery(): string | undefined {
    return this.#parts.path;
  }

  scheme() {
    return { tag: "HTTP" };
  }

  authority(): string | undefined {
    return this.#parts.authority;
  }

  headers(): Fields {
    return (this.#headers ??= Fields.fromRaw(this.#parts.headers));
  }

  consume(): IncomingBody {
    if (this.#consumed) throw new Failure(undefined);
    this.#consumed = true;
    return IncomingBody.of(this.#parts.body);
  }
}

/** Collects what a guest writes, and hands it on once there is an answer to send it with. */
export class OutgoingBody {
  #chunks: Uint8Array[] = [];
  #size = 0;
  #answer: Answer | undefined;
  #status = 200;
  #headers: string[] = [];
  #streaming = false;
  #written = false;
  #finished = false;
  #outgoing = false;
  #dropped = false;

  write(): OutputStream {
    if (this.#written) throw new Failure(undefined);
    this.#written = true;
    return OutputStream.from({
      write: (bytes) => this.#add(bytes),
      flush: () => this.#flush(),
      ...(this.#outgoing ? { permit: () => this.#permit() } : {}),
    });
  }

  /** The body of a request: its receiver says how much may be on its way. */
  static forRequest(): OutgoingBody {
    const body = new OutgoingBody();
    body.#outgoing = true;
    return body;
  }

  #permit(): number {
    const answer = this.#answer;
    if (answer?.permit !== undefined) return answer.permit();
    return Math.max(0, COLLECT_BYTES - this.#size);
  }

  [Symbol.dispose](): void {
    if (!this.#outgoing || this.#finished) return;
    this.#dropped = true;
    this.#answer?.abort?.();
  }

  static finish(body: OutgoingBody, _trailers: Fields | undefined): void {
    body.#finished = true;
    body.#settle();
  }

  /** A request leaves when it is handed over, whether or not its body is complete. */
  leave(answer: Answer, headers: string[]): void {
    if (this.#dropped) return void answer.abort?.();
    this.send(answer, 0, headers);
    if (!this.#finished) this.#stream();
  }

  /** the outparam was set: from here on the client may see bytes */
  send(answer: Answer, status: number, headers: string[]): void {
    this.#answer = answer;
    this.#status = status;
    this.#headers = headers;
    this.#settle();
  }

  /** The guest returned: an unfinished body ends here. */
  complete(): void {
    this.#finished = true;
    this.#settle();
  }

  #add(bytes: Uint8Array): void {
    if (this.#finished) throw new Failure({ tag: "closed" });
    if ((this.#answer?.writableLength ?? 0) + this.#size + bytes.length > MAX_WAITING_BYTES) {
      throw streamFailed(new IoError(`the client does not take the answer: ${MAX_WAITING_BYTES} bytes wait already`));
    }
    this.#chunks.push(bytes.slice());
    this.#size += bytes.length;
    if (this.#size > COLLECT_BYTES) this.#stream();
  }

  #flush(): void {
    // a small answer is better sent with its length; a guest that flushes again and again wants it to leave
    if (this.#chunks.length > 1) this.#stream();
  }

  #stream(): void {
    const answer = this.#answer;
    if (answer === undefined) return;
    if (!this.#streaming) answer.writeHead(this.#status, this.#headers);
    this.#streaming = true;
    for (const chunk of this.#chunks) answer.write(chunk);
    this.#chunks = [];
    this.#size = 0;
  }

  #settle(): void {
    const answer = this.#answer;
    if (answer === undefined || !this.#finished) return;
    this.#answer = undefined;
    if (!this.#streaming) {
      if (!has(this.#headers, "content-length") && (this.#outgoing ? this.#size > 0 : allowsBody(this.#status))) this.#headers.push("content-length", String(this.#size));
      answer.writeHead(this.#status, this.#headers);
    }
    if (this.#chunks.length === 0) answer.end();
    // Node writes head and body in one piece when the body is a string; latin1 keeps every byte
    else if (!this.#streaming && this.#size <= JOIN_BYTES) answer.end(Buffer.concat(this.#chunks).toString("latin1"), "latin1");
    else answer.end(Buffer.concat(this.#chunks));
  }
}

const has = (raw: readonly string[], name: string) => raw.some((text, at) => at % 2 === 0 && text.toLowerCase() === name);
/** RFC 9110 8.6 */
const allowsBody = (status: number) => status >= 200 && status !== 204 && status !== 304;

export class OutgoingResponse {
  readonly #headers: Fields;
  #status = 200;
  #body: OutgoingBody | undefined;

  constructor(headers: Fields) {
    this.#headers = headers.freeze();
  }

  statusCode(): number {
    return this.#status;
  }

  setStatusCode(code: number): void {
    if (code < 200 || code > 999) throw new Failure(undefined);
    this.#status = code;
  }

  headers(): Fields {
    return this.#headers;
  }

  body(): OutgoingBody {
    if (this.#body !== undefined) throw new Failure(undefined);
    return (this.#body = new OutgoingBody());
  }

  /** @returns the body to complete when the guest has returned */
  sendTo(answer: Answer): OutgoingBody {
    const body = this.#body ?? new OutgoingBody();
    if (this.#body === undefined) body.complete();
    body.send(answer, this.#status, this.#headers.raw());
    return body;
  }
}

export class ResponseOutparam {
  #answer: Answer | undefined;
  #body: OutgoingBody | undefined;

  static of(answer: Answer): ResponseOutparam {
    const param = new ResponseOutparam();
    param.#answer = answer;
    return param;
  }

  static set(param: ResponseOutparam, response: Result<OutgoingResponse>): void {
    const answer = param.#answer;
    if (answer === undefined) throw new Error("the response was set twice");
    param.#answer = undefined;
    if (response.tag === "ok") param.#body = response.val.sendTo(answer);
    else {
      answer.writeHead(502, ["content-type", "text/plain"]);
      answer.end(Buffer.from(`the component answered with an error: ${response.val.tag}\n`));
    }
  }

  /** The guest returned. @returns whether it has answered */
  complete(): boolean {
    this.#body?.complete();
    return this.#answer === undefined;
  }
}

