/**
 * The file format of `fileKeyRef` (KEP-3721): one `NAME='value'` per line, values in single quotes that may span lines,
 * empty lines and lines that begin with `#` do not count. Bare values are taken as they are up to the end of the line.
 */
/** @throws Error on a line that is no assignment */
export function parseEnvFile(text: string): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  let rest = text;
  while (rest !== "") {
    const line = /^[^\n]*/.exec(rest)?.[0] ?? "";
    const after = rest.slice(line.length + 1);
    if (line.trim() === "" || line.trimStart().startsWith("#")) {
      rest = after;
      continue;
    }
    const assignment = /^\s*([^=\s]+)=([\s\S]*)$/.exec(rest);
    const name = assignment?.[1];
    const value = assignment?.[2] ?? "";
    if (name === undefined || !line.includes("=")) throw new Error(`couldn't parse env file: invalid line ${JSON.stringify(line.slice(0, MAX_SHOWN))}`);
    if (value.startsWith("'")) {
      const end = value.indexOf("'", 1);
      if (end < 0) throw new Error(`couldn't parse env file: the value of ${name} has no closing quote`);
      out.set(name, value.slice(1, end));
      rest = value.slice(end + 1).replace(/^[^\n]*\n?/, "");
    } else {
      out.set(name, (/^[^\n]*/.exec(value)?.[0] ?? "").trim());
      rest = after;
    }
  }
  return out;
}

const MAX_SHOWN = 80;
