/**
 * The JSONPath of printer columns: fields, ['fields'], [indexes], [*] and the filter [?(@.type=="Ready")]. Compiled once;
 * a path that cannot be read finds nothing, as validation has refused it when the definition was written.
 */
import { isObject } from "../../api/json.ts";

type Step = (value: unknown) => readonly unknown[];

/** All values at the path; undefined for a path that is none. */
export function compileJsonPath(path: string): ((root: unknown) => readonly unknown[]) | undefined {
  const steps = parse(path.replace(/^\{(.*)\}$/, "$1"));
  if (steps === undefined) return undefined;
  return (root) => steps.reduce<readonly unknown[]>((values, step) => values.flatMap(step), [root]);
}

const TOKEN = /\.?\[\?\(@\.([^=!<>\s)]+)\s*(==|!=|<=|>=|<|>)\s*("[^"]*"|'[^']*'|[^)\s]+)\s*\)\]|\.?\['((?:[^'\\]|\\.)*)'\]|\.?\["((?:[^"\\]|\\.)*)"\]|\.?\[(-?\d+)\]|\.?\[\*\]|\.\*|\.((?:[^.[\]\\]|\\.)+)/;

function parse(path: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  // of its own: a filter is a path inside a path
  const token = new RegExp(TOKEN, "y");
  while (token.lastIndex < path.length) {
    const match = token.exec(path);
    if (match === null) return undefined;
    const [, filtered, operator = "", operand = "", single, double, index, name] = match;
    const field = single ?? double ?? name;
    if (filtered !== undefined) steps.push(filter(filtered, operator, operand));
    else if (field !== undefined) steps.push(select(field.replace(/\\(.)/g, "$1")));
    else if (index !== undefined) steps.push(at(Number(index)));
    else steps.push((value) => (Array.isArray(value) ? value : isObject(value) ? Object.values(value) : []));
  }
  return steps;
}

const select =
  (name: string): Step =>
  (value) =>
    isObject(value) && Object.hasOwn(value, name) ? [value[name]] : [];

const at =
  (index: number): Step =>
  (value) => {
    const found: unknown = Array.isArray(value) ? value.at(index) : undefined;
    return found === undefined ? [] : [found];
  };

function filter(path: string, operator: string, operand: string): Step {
  const read = compileJsonPath(`.${path}`);
  const quoted = /^["'](.*)["']$/.exec(operand)?.[1];
  const wanted: string | number | boolean = quoted ?? (operand === "true" ? true : operand === "false" ? false : Number(operand));
  return (value) => (Array.isArray(value) ? value.filter((item) => compare(read?.(item)[0], operator, wanted)) : []);
}

function compare(value: unknown, operator: string, wanted: string | number | boolean): boolean {
  if (operator === "==") return value === wanted;
  if (operator === "!=") return value !== wanted;
  if (typeof value !== typeof wanted || (typeof value !== "number" && typeof value !== "string")) return false;
  if (operator === "<") return value < wanted;
  if (operator === ">") return value > wanted;
  return operator === "<=" ? value <= wanted : value >= wanted;
}

/** ".spec.replicas" as names; undefined where a path is not simple. */
export function simplePath(path: string): readonly string[] | undefined {
  const names = path.match(/\.[^.[\]]+|\['(?:[^'\\]|\\.)*'\]/g) ?? [];
  if (names.length === 0 || names.join("") !== path) return undefined;
  return names.map((name) => (name.startsWith(".") ? name.slice(1) : name.slice(2, -2)));
}
