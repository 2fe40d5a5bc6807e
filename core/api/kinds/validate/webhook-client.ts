/** How the server reaches a webhook: by URL or by Service (admission, conversion). */
import type { WebhookClientConfig } from "../../types.gen.ts";
import { dns1123Subdomain } from "../../names.ts";
import { type Errors, invalid, isEmpty, required } from "./errors.ts";

const HTTPS_ONLY = "'https' is the only allowed URL scheme";
const FORM = "; desired format: https://host[/path]";

export function validateClientConfig(errors: Errors, at: string, config: WebhookClientConfig | undefined): void {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined)) return required(errors, at, "exactly one of url or service is required");
  if (url !== undefined) return webhookUrl(errors, `${at}.url`, url);
  if (service === undefined) return;
  const { name, namespace, path, port = 443 } = service;
  if (isEmpty(name)) required(errors, `${at}.service.name`);
  if (isEmpty(namespace)) required(errors, `${at}.service.namespace`);
  if (port < 1 || port > 65_535) invalid(errors, `${at}.service.port`, port, "port is not valid: must be between 1 and 65535, inclusive");
  if (path !== undefined) servicePath(errors, `${at}.service.path`, path);
}

function webhookUrl(errors: Errors, at: string, text: string): void {
  if (!URL.canParse(text)) {
    // a text without a scheme is a path to Go's parser, and has neither scheme nor host
    if (/^[a-z][a-z0-9+.-]*:/i.test(text)) return required(errors, at, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URL${FORM}`);
    invalid(errors, at, "", `${HTTPS_ONLY}${FORM}`);
    return invalid(errors, at, "", `host must be specified${FORM}`);
  }
  const url = new URL(text);
  const scheme = url.protocol.slice(0, -1);
  const host = /^[^:]+:\/\/([^/?#]*)/.exec(text)?.[1]?.replace(/^.*@/, "") ?? "";
  if (scheme !== "https") invalid(errors, at, scheme, `${HTTPS_ONLY}${FORM}`);
  if (host === "") invalid(errors, at, host, `host must be specified${FORM}`);
  if (url.username !== "" || url.password !== "") invalid(errors, at, url.username, "user information is not permitted in the URL");
  if (url.hash !== "") invalid(errors, at, url.hash.slice(1), "fragments are not permitted in the URL");
  if (url.search !== "") invalid(errors, at, url.search.slice(1), "query parameters are not permitted in the URL");
}

function servicePath(errors: Errors, at: string, path: string): void {
  if (path === "" || path === "/") return;
  if (path === "//") return invalid(errors, at, path, "segment[0] may not be empty");
  if (!path.startsWith("/")) invalid(errors, at, path, "must start with a '/'");
  const segments = (path.endsWith("/") ? path.slice(1, -1) : path.slice(1)).split("/");
  segments.forEach((segment, index) => {
    if (segment === "") return invalid(errors, at, path, `segment[${index}] may not be empty`);
    for (const why of dns1123Subdomain(segment)) invalid(errors, at, path, `segment[${index}]: ${why}`);
  });
}
