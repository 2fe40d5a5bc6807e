/** What a request asks of a connection, as the object that admission sees (core/v1 PodExecOptions and the like). Pure. */
import type { AnyObject } from "../../api/meta.ts";
import { flag } from "../query.ts";

interface Connection {
  readonly plural: string;
  readonly subresource: string;
  readonly query: URLSearchParams;
  /** behind the subresource in the request's path, without query */
  readonly path?: string;
}

export function connectOptions({ plural, subresource, query, path = "" }: Connection): AnyObject {
  switch (subresource) {
    case "exec":
      return options("PodExecOptions", { ...terminal(query), command: query.getAll("command") });
    case "attach":
      return options("PodAttachOptions", terminal(query));
    case "portforward":
      return options("PodPortForwardOptions", { ports: query.getAll("ports").flatMap((each) => each.split(",").map(Number).filter(Number.isInteger)) }, ["ports"]);
    default:
      return options(PROXIED[plural] ?? "PodProxyOptions", { path }, ["path"]);
  }
}

const PROXIED: { readonly [plural: string]: string } = { nodes: "NodeProxyOptions", pods: "PodProxyOptions", services: "ServiceProxyOptions" };

function terminal(query: URLSearchParams): object {
  const container = query.get("container") ?? "";
  const asked = ["stdin", "stdout", "stderr", "tty"].filter((name) => flag(query, name));
  return {
    ...Object.fromEntries(asked.map((name) => [name, true])),
    ...(container === "" ? {} : { container }),
  };
}

/** `optional`: left out when empty */
function options(kind: string, fields: object, optional: readonly string[] = []): AnyObject {
  const kept = Object.entries(fields).filter(([name, value]) => !optional.includes(name) || (value as { readonly length: number }).length > 0);
  return { kind, apiVersion: "v1", ...Object.fromEntries(kept) } as unknown as AnyObject;
}
