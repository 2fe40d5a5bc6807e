/**
 * Strict decoding finds repeated fields while it reads and unknown ones while it decodes; users get both as they come in
 * their document.
 */
import { pathText } from "./parse-json.ts";

const PROBLEM = /^(?:duplicate|unknown) field "(.*)"$/s;

/** What names no field of the document (problems of YAML are told by line) comes first. */
export function inDocumentOrder(body: unknown, read: readonly string[], decoded: readonly string[]): readonly string[] {
  if (read.length === 0 || decoded.length === 0) return [...read, ...decoded];
  const byPath = new Map<string, string[]>();
  const first: string[] = [];
  for (const problem of [...read, ...decoded]) {
    const path = PROBLEM.exec(problem)?.[1];
    if (path === undefined) first.push(problem);
    else byPath.set(path, [...(byPath.get(path) ?? []), problem]);
  }
  const ordered: string[] = [];
  const path: (string | number)[] = [];
  const take = (text: string) => {
    ordered.push(...(byPath.get(text) ?? []));
    byPath.delete(text);
  };
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null || byPath.size === 0) return;
    for (const [key, below] of Object.entries(value)) {
      path.push(Array.isArray(value) ? Number(key) : key);
      if (!Array.isArray(value)) take(pathText(path));
      walk(below);
      path.pop();
    }
  };
  walk(body);
  return [...first, ...[...byPath.values()].flat(), ...ordered];
}
