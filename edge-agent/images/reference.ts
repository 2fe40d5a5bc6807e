/**
 * Names of images as people write them: `[host[:port]/]path[:tag][@digest]` (OCI distribution spec; the grammar of
 * Docker's reference package). What looks like no host is part of the path.
 */
const SEGMENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const HOST = "(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?";
const REFERENCE = new RegExp(`^(?:${HOST}/)?${SEGMENT}(?:/${SEGMENT})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$`);

/** What is wrong with it; undefined: nothing. */
export function referenceProblem(reference: string): string | undefined {
  const path = pathOf(reference);
  if (path !== path.toLowerCase()) return `invalid reference format: repository name (${path}) must be lowercase`;
  return REFERENCE.test(reference) ? undefined : "invalid reference format";
}

/** Between host and tag; "library/" stands before a name that comes from nowhere else. */
function pathOf(reference: string): string {
  const [first = "", ...rest] = reference.split("/");
  // only a host has a dot, a port or capital letters
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const name = (hasHost ? rest.join("/") : reference).replace(/[:@].*$/, "");
  return hasHost || name.includes("/") ? name : `library/${name}`;
}
