/**
 * The tree of an expression as far as this folder looks into it: to count what evaluation costs, to find where an error
 * stands, and to read what the checker found out. cel-js publishes the shape of its nodes, but not these parts of it.
 */
export interface CelType {
  readonly kind: string;
  readonly name: string;
  readonly valueType?: CelType;
  readonly keyType?: CelType;
}

export type Evaluate = (evaluator: unknown, node: Node, context: unknown) => unknown;

export interface Node {
  readonly op: string;
  readonly args: unknown;
  readonly pos: number;
  readonly start: number;
  readonly end: number;
  readonly input: string;
  readonly checkedType?: CelType;
  readonly meta: { readonly evaluate: Evaluate; readonly alternate?: Node; readonly macro?: object };
  setMeta(name: "evaluate" | "macro", value: Evaluate | object): Node;
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "op" in value && "setMeta" in value;
}

/** All nodes below and with `root`, macros and their expansions included, each once. */
export function* nodesOf(root: Node): Iterable<Node> {
  const seen = new Set<unknown>();
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== "object" || next === null || seen.has(next)) continue;
    seen.add(next);
    if (isNode(next)) {
      yield next;
      waiting.push(next.args, next.meta.alternate, next.meta.macro);
    } else if (Array.isArray(next)) {
      waiting.push(...(next as unknown[]));
    } else if (Object.getPrototypeOf(next) === Object.prototype) {
      // the parts of a macro and of a comprehension
      waiting.push(...Object.values(next).filter((part) => typeof part === "object"));
    }
  }
}
