/**
 * Object{spec: Object.spec{replicas: 3}} and JSONPatch{op: "add", …} as map literals, which is what they become anyway:
 * the names of types are left out, the names of fields become texts. Everything else of the expression stays as it is.
 */
import type { Origin } from "../cel/errors.ts";

/** Field names of messages are identifiers; a name that is none is written escaped (KEP-3962). */
const unescape = (name: string) =>
  name
    .replaceAll("__slash__", "/")
    .replaceAll("__dash__", "-")
    .replaceAll("__dot__", ".")
    .replaceAll("__underscores__", "__")
    .replace(/^__(true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while)__$/, "$1");

const TOKEN = /\s+|\/\/[^\n]*|[rRbB]*(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|`[^`]*`|\d[\w.]*|[\s\S]/y;

const beginsMessage = (token: string, expression: string, before: string) =>
  /^(?:Object(?:\.|$)|JSONPatch$)/.test(token) && /^\s*\{/.test(expression.slice(TOKEN.lastIndex)) && !before.trimEnd().endsWith(".");

/**
 * The expression with a name in the place of each message, and the type that each name stands for: what the types of
 * messages do to the type of the whole is seen in it.
 */
export function namedMessages(expression: string): { readonly expression: string; readonly types: ReadonlyMap<string, string> } {
  const types = new Map<string, string>();
  let made = "";
  let depth = 0;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(expression); match !== null; match = TOKEN.exec(expression)) {
    const [token] = match;
    if (depth > 0) {
      depth += Number("{[(".includes(token)) - Number("}])".includes(token));
    } else if (beginsMessage(token, expression, made)) {
      TOKEN.lastIndex = expression.indexOf("{", TOKEN.lastIndex) + 1;
      depth = 1;
      const name = `k8s_message_${token.replaceAll(".", "_")}`;
      types.set(name, token);
      made += name;
    } else made += token;
  }
  return { expression: made, types };
}

export function mapLiterals(expression: string): Rewritten {
  const pieces: Piece[] = [];
  const open: ("message" | "other")[] = [];
  let made = "";
  /** the next name is that of a field */
  let field = false;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(expression); match !== null; match = TOKEN.exec(expression)) {
    const [token] = match;
    pieces.push({ made: made.length, given: match.index });
    if (/^\s|^\/\//.test(token)) {
      made += token;
      continue;
    }
    if (field && /^[A-Za-z_`]/.test(token)) {
      made += JSON.stringify(unescape(token.replaceAll("`", "")));
      field = false;
      continue;
    }
    if (beginsMessage(token, expression, made)) {
      TOKEN.lastIndex = expression.indexOf("{", TOKEN.lastIndex) + 1;
      made += "{";
      open.push("message");
      field = true;
      continue;
    }
    if (token === "{" || token === "[" || token === "(") open.push("other");
    else if (token === "}" || token === "]" || token === ")") open.pop();
    field = token === "," && open.at(-1) === "message";
    made += token;
  }
  return { expression: made, origin: { expression, offsetOf: (at) => offsetOf(pieces, at, expression.length) } };
}

/** An expression as it is compiled, and what its places are in the one that a user wrote. */
export interface Rewritten {
  readonly expression: string;
  readonly origin: Origin;
}

interface Piece {
  readonly made: number;
  readonly given: number;
}

function offsetOf(pieces: readonly Piece[], at: number, end: number): number {
  const piece = pieces.findLast(({ made }) => made <= at);
  return Math.min(piece === undefined ? at : piece.given + at - piece.made, end);
}
