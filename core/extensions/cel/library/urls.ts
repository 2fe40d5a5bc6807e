/** url() and isURL() (KEP-2876). The parts are taken from the text: URL of JavaScript would bring it into a form of its own. */
import type { Environment } from "@marcbachmann/cel-js";
import { functionError } from "../errors.ts";

class CelUrl {
  readonly text: string;
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  constructor(text: string, [scheme = "", host = "", path = "", query = ""]: readonly (string | undefined)[]) {
    this.text = text;
    this.scheme = scheme;
    this.host = host;
    this.path = path;
    this.query = query;
  }
  toString(): string {
    return this.text;
  }
}

const ABSOLUTE = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/(?:[^/?#@]*@)?((?:\[[0-9A-Fa-f:.%]+\]|[^/?#:@\s[\]<>"^`{|}\\]*)(?::\d*)?))?(\/[^?#\s]*)?(?:\?([^#\s]*))?(?:#\S*)?$/;
const ROOTED = /^(\/[^?#\s]*)(?:\?([^#\s]*))?(?:#\S*)?$/;

function parse(text: string): CelUrl | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
  const rooted = ROOTED.exec(text);
  if (rooted !== null && !text.startsWith("//")) return new CelUrl(text, ["", "", rooted[1], rooted[2]]);
  const [whole, scheme, host, path, query] = ABSOLUTE.exec(text) ?? [];
  return whole === undefined ? undefined : new CelUrl(text, [scheme?.toLowerCase(), host, path, query]);
}

function url(text: string): CelUrl {
  const parsed = parse(text);
  if (parsed === undefined) throw functionError(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`);
  return parsed;
}

function hostname({ host }: CelUrl): string {
  return /^\[(.*)\]/.exec(host)?.[1] ?? host.replace(/:\d*$/, "");
}

function queryOf({ query }: CelUrl): { readonly [name: string]: readonly string[] } {
  const values: { [name: string]: string[] } = {};
  for (const [name, value] of new URLSearchParams(query)) (values[name] ??= []).push(value);
  return values;
}

export function urls(environment: Environment): void {
  environment.registerType("kubernetes.URL", { ctor: CelUrl, fields: {} });
  const add = (signature: string, handler: (...given: never[]) => unknown) => environment.registerFunction(signature, handler as never, { async: false } as never);
  add("url(string): kubernetes.URL", url);
  add("isURL(string): bool", (text: string) => parse(text) !== undefined);
  add("kubernetes.URL.getScheme(): string", ({ scheme }: CelUrl) => scheme);
  add("kubernetes.URL.getHost(): string", ({ host }: CelUrl) => host);
  add("kubernetes.URL.getHostname(): string", hostname);
  add("kubernetes.URL.getPort(): string", ({ host }: CelUrl) => /:(\d+)$/.exec(host)?.[1] ?? "");
  add("kubernetes.URL.getEscapedPath(): string", ({ path }: CelUrl) => path);
  add("kubernetes.URL.getQuery(): map<string, list<string>>", queryOf);
  environment.registerOperator("kubernetes.URL == kubernetes.URL", (a: CelUrl, b: CelUrl) => a.text === b.text);
}
