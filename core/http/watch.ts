/**
 * WATCH: events as JSON lines for as long as the client stays. The registry gives events in batches, each batch leaves in
 * as few writes as possible, and the bytes of an event are made once for all watchers.
 *
 * A reader is never waited for by others: this loop asks for the next batch only when the last one is on its way, the
 * registry holds what is pending as references, and gives up on a reader that falls too far behind. A reader that takes
 * nothing at all is cut off here.
 */
import type { Client, Watch, WatchEvent } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Kind, KindTable } from "../api/kinds.ts";
import type { AnyObject, KubeObject } from "../api/meta.ts";
import { ApiError, badRequest } from "../api/status.ts";
import { encodeWatchFrame } from "../api/schema/protobuf.ts";
import { encodedEvent } from "../registry/encoded.ts";
import { parseSelection } from "../registry/selection.ts";
import type { Call } from "./call.ts";
import { encodeCbor } from "./cbor.ts";
import { accepted, protobufOf } from "./format.ts";
import { contentTypeOf, notAcceptable } from "./media.ts";
import type { View } from "./media.ts";
import { listOptions } from "./query.ts";
import { resourceOf } from "./read.ts";
import type { Reply } from "./reply.ts";
import type { Route } from "./route.ts";
import { openSink } from "./sink.ts";
import type { Sink } from "./sink.ts";
import { includeObject, table } from "./table.ts";
import type { IncludeObject } from "./table.ts";
import { untilReplaced } from "./until-replaced.ts";
import { partial } from "./views.ts";

/** Events are joined into writes of about this size: few TLS records, yet no second copy of a large initial state. */
const WRITE_BYTES = 64 * 1024;
/** A reader that takes nothing for this long is cut off; its kernel buffers and window are full all that time. */
const STALLED_MS = 30_000;
/** apiserver's --min-request-timeout: a watch without timeoutSeconds ends after one to two times this. */
const WATCH_SECONDS_MIN = 1800;

export interface WatchServices {
  readonly kinds: KindTable;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export async function watch(call: Call, route: Route, client: Client, services: WatchServices): Promise<Reply> {
  const { format, view } = accepted(call, route.kind, true);
  if (format === "yaml") throw notAcceptable(["json", "protobuf"]);
  const { timeoutSeconds, ...options } = listOptions(call.query);
  if (route.name !== undefined && options.fieldSelector !== undefined && parseSelection({ fieldSelector: options.fieldSelector }).name !== route.name) {
    throw badRequest("fieldSelector metadata.name doesn't match requested name");
  }
  const fieldSelector = [options.fieldSelector, route.name === undefined ? undefined : `metadata.name=${route.name}`].filter((each) => each !== undefined);
  const encode = format === "protobuf" ? protobufEncoder(view) : format === "cbor" ? cborEncoder(route.kind, view, includeObject(call.query), services.clock) : jsonEncoder(route.kind, view, includeObject(call.query), services.clock);

  const ending = new AbortController();
  const end = () => ending.abort();
  const late = new Set(options.sendInitialEvents === true ? [...TOO_OLD, "Timeout"] : TOO_OLD);
  const events = await opened(late, () =>
    client.watch(resourceOf(route), {
      ...options,
      fieldSelector: fieldSelector.length === 0 ? undefined : fieldSelector.join(","),
      namespace: route.namespace,
      signal: ending.signal,
    }),
  );
  const sink = openSink(call, { "Content-Type": streamType[format], "Cache-Control": "no-cache, private" });
  const seconds = timeoutSeconds || Math.round(WATCH_SECONDS_MIN * (1 + services.entropy.fraction()));
  const cancelTimeout = services.clock.after(seconds * 1000, end);
  const stopLooking = untilReplaced(route.kind, services, end);
  for (const signal of [sink.closed, call.signal]) {
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  }
  void pump(events, encode, sink, services.clock, ending.signal).finally(() => {
    cancelTimeout();
    stopLooking();
    end();
    call.signal.removeEventListener("abort", end);
  });
  return sink.reply;
}

const TOO_OLD = ["Expired", "Gone"];

/**
 * A version that is too old is an event of the stream, not an answer: clients list again when they see it. So is one that
 * is too new for a stream that begins with what there is: it has begun to wait.
 */
async function opened(late: ReadonlySet<string>, open: () => Promise<Watch>): Promise<Watch> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof ApiError) || !late.has(error.reason)) throw error;
    const event: WatchEvent = { type: "ERROR", object: error.toStatus() };
    return (async function* () {
      yield [event];
    })();
  }
}

type Encode = (event: WatchEvent) => Uint8Array;

async function pump(events: Watch, encode: Encode, sink: Sink, clock: Clock, ending: AbortSignal): Promise<void> {
  try {
    for await (const batch of events) {
      if (ending.aborted) break;
      await writeBatch(batch, encode, sink, clock);
    }
    sink.end();
  } catch (error) {
    if (error instanceof ApiError) {
      await sink.write(encode({ type: "ERROR", object: error.toStatus() }));
      sink.end();
    } else sink.abort();
  }
}

async function writeBatch(batch: readonly WatchEvent[], encode: Encode, sink: Sink, clock: Clock): Promise<void> {
  let parts: Uint8Array[] = [];
  let size = 0;
  const flush = async () => {
    const [first] = parts;
    if (first === undefined) return;
    const chunk = parts.length === 1 ? first : Buffer.concat(parts, size);
    parts = [];
    size = 0;
    const cancel = clock.after(STALLED_MS, () => sink.abort());
    await sink.write(chunk);
    cancel();
  };
  for (const event of batch) {
    const bytes = encode(event);
    parts.push(bytes);
    size += bytes.length;
    if (size >= WRITE_BYTES) await flush();
  }
  await flush();
}

function line(type: WatchEvent["type"], object: object): Buffer {
  return Buffer.from(`{"type":"${type}","object":${JSON.stringify(object)}}\n`);
}

function jsonEncoder(kind: Kind, view: View | undefined, include: IncludeObject, clock: Clock): Encode {
  if (view === undefined) return encodedEvent;
  let withColumns = true;
  return (event) => {
    if (event.type === "ERROR") return encodedEvent(event);
    const object: KubeObject | AnyObject = event.object;
    if (view.as !== "Table") return line(event.type, partial(object, view.version));
    const { resourceVersion } = object.metadata;
    const metadata = resourceVersion === undefined ? {} : { resourceVersion };
    // a bookmark is a row whose cells nobody reads
    const shown = table(kind, [object], metadata, { version: view.version, include, now: clock.now(), withColumns });
    withColumns = false;
    return line(event.type, shown);
  };
}

const streamType = { json: contentTypeOf.json, protobuf: `${contentTypeOf.protobuf};stream=watch`, cbor: "application/cbor-seq" } as const;

/** A CBOR sequence (RFC 8742) of what would be the JSON lines. */
function cborEncoder(kind: Kind, view: View | undefined, include: IncludeObject, clock: Clock): Encode {
  const json = jsonEncoder(kind, view, include, clock);
  return (event) => encodeCbor(JSON.parse(Buffer.from(json(event)).toString()));
}

const protobufFrames = new WeakMap<WatchEvent, Uint8Array>();

/** Frames of whole objects are made once, like JSON lines. */
function protobufEncoder(view: View | undefined): Encode {
  return (event) => {
    if (view !== undefined && event.type !== "ERROR") return encodeWatchFrame(event.type, protobufOf(partial(event.object, view.version)));
    let frame = protobufFrames.get(event);
    if (frame === undefined) protobufFrames.set(event, (frame = encodeWatchFrame(event.type, protobufOf(event.object))));
    return frame;
  };
}
