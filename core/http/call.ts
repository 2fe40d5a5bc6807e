/** One request on its way through the handlers: what app.ts has found out about it, and what handlers may ask of it. */
import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import type { User } from "../api/user.ts";
import type { RequestTarget } from "./target.ts";

export interface Call extends RequestTarget {
  readonly method: string;
  readonly user: User;
  /** bodies may be CBOR */
  readonly cbor: boolean;
  readonly header: (name: string) => string | undefined;
  /** the whole body; @throws ApiError RequestEntityTooLarge */
  readonly body: () => Promise<Uint8Array>;
  /** the same, when somebody has asked for it already: nobody waits for a body that decided nothing */
  readonly bodyRead: () => Promise<Uint8Array> | undefined;
  /** adds a `Warning` header; texts that repeat are sent once */
  readonly warn: (text: string) => void;
  readonly warnings: readonly string[];
  /** aborts when the client went away or the server closes */
  readonly signal: AbortSignal;
  /** the response of node:http or node:http2; undefined when the application is called without a server */
  readonly outgoing: ServerResponse | Http2ServerResponse | undefined;
}
