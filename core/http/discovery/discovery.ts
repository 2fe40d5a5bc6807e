/** /api, /apis and what is below them up to a group version: made from the KindTable, kept until it changes. */
import { createHash } from "node:crypto";
import { isCustom } from "../../api/kinds.ts";
import type { KindTable } from "../../api/kinds.ts";
import type { Call } from "../call.ts";
import type { Format } from "../media.ts";
import { contentTypeOf, negotiate, noSuchView } from "../media.ts";
import type { Message } from "../reply.ts";
import { json } from "../reply.ts";
import { methodNotAllowed, noSuchPage, noSuchResource } from "../target.ts";
import { aggregatedType, groupDiscoveryList, wantsAggregated } from "./aggregated.ts";
import { groupsOf } from "./groups.ts";
import type { GroupVersions } from "./groups.ts";
import { apiGroup, apiGroupList, apiResourceList, apiVersions } from "./legacy.ts";
import { encodedAs } from "../format.ts";

export interface Discovery {
  answer(call: Call): Message;
  /** whether a version of a group is served; no version: any */
  serves(group: string, version?: string): boolean;
}

export function openDiscovery(kinds: KindTable): Discovery {
  let revision = -1;
  let groups: readonly GroupVersions[] = [];
  const documents = new Map<string, { readonly body: string; readonly etag: string }>();

  function current(): readonly GroupVersions[] {
    if (kinds.revision() !== revision) {
      revision = kinds.revision();
      groups = groupsOf(kinds);
      documents.clear();
    }
    return groups;
  }

  function aggregated(call: Call, of: readonly GroupVersions[]): Message {
    const key = call.segments.join("/");
    let document = documents.get(key);
    if (document === undefined) {
      const body = JSON.stringify(groupDiscoveryList(of));
      document = { body, etag: `"${createHash("sha256").update(body).digest("hex").toUpperCase()}"` };
      documents.set(key, document);
    }
    const headers = { ETag: document.etag, Vary: "Accept", "Cache-Control": "public", "Content-Type": aggregatedType };
    if (call.header("if-none-match") === document.etag) return { status: 304, headers, body: null };
    return { status: 200, headers, body: document.body };
  }

  return {
    // a built-in group answers for versions that it does not have, a custom one only for those that it has
    serves: (group, version) => [...kinds.all()].some((kind) => kind.group === group && (version === undefined || version === kind.version || !isCustom(kind))),
    answer(call) {
      const all = current();
      const [root, group, version] = call.segments;
      const plain = (body: object) => {
        const { format, view } = negotiate(call.header("accept"), FORMATS);
        if (view !== undefined) throw noSuchView(FORMATS);
        if (format === "yaml") return { status: 200, headers: { Vary: "Accept", "Content-Type": contentTypeOf.yaml }, body: encodedAs(format, body) };
        return json(body, 200, { Vary: "Accept" });
      };
      if (root === "api") {
        const core = all.filter((each) => each.group === "");
        if (group === undefined && wantsAggregated(call.header("accept"))) return aggregated(call, core);
        return plain(reading(call, group === undefined ? apiVersions(call.header("host") ?? "") : resources(core, "", group)));
      }
      const named = all.filter((each) => each.group !== "");
      if (group === undefined) return wantsAggregated(call.header("accept")) ? aggregated(call, named) : plain(apiGroupList(named));
      const found = named.find((each) => each.group === group);
      if (found === undefined) throw noSuchPage();
      return plain(version === undefined ? apiGroup(found) : reading(call, resources(named, group, version)));
    },
  };
}

const FORMATS: readonly Format[] = ["json", "yaml", "protobuf"];

/** Lists of groups answer every method, as they do in Kubernetes; what is in them is there to be read. */
function reading<T>({ method }: Call, document: T): T {
  if (method !== "GET") throw methodNotAllowed();
  return document;
}

function resources(groups: readonly GroupVersions[], group: string, version: string) {
  const kinds = groups.find((each) => each.group === group)?.versions.find((each) => each.version === version)?.kinds;
  if (kinds === undefined) throw noSuchResource();
  return apiResourceList(group, version, kinds);
}
