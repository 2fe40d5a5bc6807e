/**
 * Topics of guests' messages and the filters that name many of them, with MQTT's wildcards (MQTT 3.1.1 §4.7): `+` is one level,
 * `#` the level above it and all that follow. Never broker topics: they are matched by device and server.
 */

/** A level is a word of the application; more of them are a tree that nobody can grant. */
const MAX_LEVELS = 16;
const MAX_LENGTH = 256;

/** @returns why it cannot be published to; undefined: it can */
export function topicProblem(topic: string): string | undefined {
  if (/[+#]/.test(topic)) return `"${topic}" has a wildcard`;
  return problemOf(topic);
}

/** @returns why it is no filter; undefined: it is one */
export function filterProblem(filter: string): string | undefined {
  const levels = filter.split("/");
  const wrong = levels.find((level, at) => (level.includes("#") && (level !== "#" || at < levels.length - 1)) || (level.includes("+") && level !== "+"));
  return wrong === undefined ? problemOf(filter) : `"${filter}": "+" and "#" stand for whole levels, and "#" is the last`;
}

function problemOf(text: string): string | undefined {
  if (text === "" || text.length > MAX_LENGTH) return `a topic has 1 to ${MAX_LENGTH} characters`;
  if (text.includes("\0")) return "a topic has no NUL";
  return text.split("/").length > MAX_LEVELS ? `a topic has at most ${MAX_LEVELS} levels` : undefined;
}

export function topicMatches(filter: string, topic: string): boolean {
  const wanted = filter.split("/");
  const given = topic.split("/");
  for (const [at, level] of wanted.entries()) {
    if (level === "#") return at <= given.length;
    if (at >= given.length || (level !== "+" && level !== given[at])) return false;
  }
  return wanted.length === given.length;
}

/** Whether every topic of `filter` is one of `granted`. */
export function filterWithin(granted: string, filter: string): boolean {
  const allowed = granted.split("/");
  const asked = filter.split("/");
  for (const [at, level] of allowed.entries()) {
    if (level === "#") return true;
    const one = asked[at];
    if (one === undefined || one === "#" || (level !== "+" && level !== one)) return false;
  }
  return allowed.length === asked.length;
}
