/**
 * GET of a collection. Items keep their stored bytes; they are decoded only when a selector must look at them or when
 * somebody reads `items`. A chunked list continues at the revision of its first page, so that all pages together are
 * one consistent snapshot.
 */
import type { ListOptions } from "../api/client.ts";
import type { Kind } from "../api/kinds.ts";
import { isCustom } from "../api/kinds.ts";
import type { AnyObject, KubeList, ListMeta } from "../api/meta.ts";
import { apiVersionOf } from "../api/meta.ts";
import { ApiError, badRequest } from "../api/status.ts";
import type { User } from "../api/user.ts";
import type { Entry, Range, RangeOptions } from "../store/store.ts";
import { StoreError } from "../store/store.ts";
import { authorize } from "./authorize.ts";
import type { Codec } from "./codec.ts";
import type { Context } from "./context.ts";
import { decodeContinue, encodeContinue } from "./continue-token.ts";
import { keepListBytes } from "./encoded.ts";
import { keyOf, prefixOf } from "./keys.ts";
import { checkListOptions } from "./list-options.ts";
import { compactedList, listVersion, tooLarge } from "./resource-version.ts";
import type { CompiledSelection } from "./selection.ts";
import { compileSelection, parseSelection } from "./selection.ts";
import { rethrow } from "./store-errors.ts";

/** Entries read at once when a selector may drop most of them: bounds memory without many round trips to etcd. */
const SCAN_PAGE = 1_000;

const INCONSISTENT =
  "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

export async function list(context: Context, user: User, kind: Kind, options: ListOptions): Promise<KubeList<AnyObject>> {
  const { namespace, labelSelector, fieldSelector } = options;
  const parsed = parseSelection(options);
  await authorize(context, { user, verb: "list", kind, namespace, name: parsed.name, labelSelector, fieldSelector });
  checkListOptions(options);
  const selection = compileSelection(kind, parsed);
  return collect(context, kind, selection, options);
}

/** The list without the question whether the user may: also what deletecollection and a watch begin with. */
export async function collect(
  context: Context,
  kind: Kind,
  selection: CompiledSelection,
  options: ListOptions,
): Promise<KubeList<AnyObject>> {
  const place = placeOf(options.namespace, selection);
  const codec = context.codec(kind);
  const { entries, revision, more, remaining } = place === undefined ? nothing(context) : await page(context, kind, codec, { ...selection, ...place }, options);
  const last = entries.at(-1);
  const metadata: ListMeta = {
    resourceVersion: String(revision),
    ...(more && last !== undefined ? { continue: encodeContinue({ revision, after: last.key.slice(prefixOf(kind, place?.namespace).length) }) } : {}),
    ...(more && remaining !== undefined ? { remainingItemCount: remaining } : {}),
  };
  return listOf(kind, codec, metadata, entries);
}

/** A namespace in the path and one in the field selector must be the same; undefined when nothing can match. */
function placeOf(asked: string | undefined, selection: CompiledSelection): { readonly namespace: string | undefined } | undefined {
  const named = asked === "" ? undefined : asked;
  if (named !== undefined && selection.namespace !== undefined && named !== selection.namespace) return undefined;
  return { namespace: named ?? (selection.namespace === "" ? undefined : selection.namespace) };
}

interface Page {
  readonly entries: readonly Entry[];
  readonly revision: number;
  readonly more: boolean;
  /** undefined when a selector makes it unknown */
  readonly remaining: number | undefined;
}

const nothing = (context: Context): Page => ({ entries: [], revision: context.store.revision(), more: false, remaining: undefined });

async function page(context: Context, kind: Kind, codec: Codec, selection: CompiledSelection, options: ListOptions): Promise<Page> {
  const { limit, at, after } = start(context, kind, selection.namespace, options);
  const { matches, name, namespace } = selection;
  const prefix = prefixOf(kind, namespace);
  if (name !== undefined && (namespace !== undefined || !kind.namespaced) && at === undefined && after === undefined) {
    const entry = context.store.get(keyOf(kind, namespace, name));
    if (entry !== undefined) await codec.prepare([entry]);
    const found = entry !== undefined && (matches === undefined || matches(codec.decode(entry)));
    return { entries: found ? [entry] : [], revision: context.store.revision(), more: false, remaining: undefined };
  }
  if (matches === undefined) {
    const { entries, revision, remaining } = await read(context, codec, prefix, { limit, after, revision: at }, options.continue);
    return { entries, revision: at ?? revision, more: remaining > 0, remaining };
  }
  return scan(context, codec, prefix, { limit, after, revision: at }, options.continue, (entry) => matches(codec.decode(entry)));
}

interface Start {
  readonly limit: number | undefined;
  /** revision to read at; undefined: the newest */
  readonly at: number | undefined;
  readonly after: string | undefined;
}

function start(context: Context, kind: Kind, namespace: string | undefined, options: ListOptions): Start {
  const limit = options.limit === undefined || options.limit <= 0 ? undefined : options.limit;
  if (options.continue !== undefined && options.continue !== "") {
    const { revision, after } = decodeContinue(options.continue);
    const version = listVersion(options.resourceVersion);
    if (version !== undefined && version !== 0) throw badRequest("specifying resource version is not allowed when using continue");
    return { limit, at: revision < 0 ? undefined : revision, after: prefixOf(kind, namespace) + after };
  }
  const { store } = context;
  const version = listVersion(options.resourceVersion);
  if (version !== undefined && version > store.revision()) throw tooLarge(version, store.revision(), options.limit === undefined);
  if (version === undefined || version === 0) return { limit: version === 0 ? undefined : limit, at: undefined, after: undefined };
  const exact = options.resourceVersionMatch === "Exact" || (options.resourceVersionMatch === undefined && limit !== undefined);
  return { limit, at: exact ? version : undefined, after: undefined };
}

async function scan(
  context: Context,
  codec: Codec,
  prefix: string,
  options: RangeOptions,
  token: string | undefined,
  keep: (entry: Entry) => boolean,
): Promise<Page> {
  const { limit } = options;
  const entries: Entry[] = [];
  let { after, revision: at } = options;
  for (;;) {
    const chunk = await read(context, codec, prefix, { after, revision: at, limit: limit === undefined ? undefined : SCAN_PAGE }, token);
    at ??= chunk.revision;
    for (const [index, entry] of chunk.entries.entries()) {
      if (!keep(entry)) continue;
      entries.push(entry);
      if (entries.length !== limit) continue;
      const more = index < chunk.entries.length - 1 || chunk.remaining > 0;
      return { entries, revision: at, more, remaining: undefined };
    }
    if (chunk.remaining === 0) return { entries, revision: at, more: false, remaining: undefined };
    after = chunk.entries.at(-1)?.key;
  }
}

async function read(context: Context, codec: Codec, prefix: string, options: RangeOptions, token: string | undefined): Promise<Range> {
  try {
    const range = await context.store.range(prefix, options);
    await codec.prepare(range.entries);
    return range;
  } catch (error) {
    if (error instanceof StoreError && error.reason === "compacted") {
      if (token === undefined || token === "") throw compactedList(options.revision ?? 0);
      throw new ApiError("Expired", INCONSISTENT, {
        continue: encodeContinue({ revision: -1, after: options.after?.slice(prefix.length) ?? "" }),
      });
    }
    if (error instanceof StoreError && error.reason === "future") throw tooLarge(options.revision ?? 0, context.store.revision());
    return rethrow(error);
  }
}

/** Built-in kinds carry no apiVersion and kind in the items of a list, custom resources do. */
const itemsAreBare = (kind: Kind) => !isCustom(kind);

function listOf(kind: Kind, codec: Codec, metadata: ListMeta, entries: readonly Entry[]): KubeList<AnyObject> {
  const apiVersion = apiVersionOf(kind);
  let items: readonly AnyObject[] | undefined;
  const found: KubeList<AnyObject> = {
    apiVersion,
    kind: kind.listKind,
    metadata,
    get items() {
      items ??= entries.map((entry) => codec.decode(entry));
      return items;
    },
  };
  const opening = `{"kind":${JSON.stringify(kind.listKind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":${JSON.stringify(isCustom(kind) ? { continue: "", ...metadata } : metadata)},"items":[`;
  keepListBytes(found, { opening, bare: itemsAreBare(kind), items: entries.map((entry) => codec.bytes(entry)) });
  return found;
}
