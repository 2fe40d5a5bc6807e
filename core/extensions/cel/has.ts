/**
 * has(e.f) for any expression e. The macro of cel-js takes only a chain of names, but rules of real definitions ask
 * has(self[0].matches); so its macro is replaced in the tree before the tree is checked.
 */
import { Optional } from "@marcbachmann/cel-js";
import { type CelType, isNode, type Node } from "./ast.ts";
import { functionError } from "./errors.ts";

interface Checker {
  check(node: Node, context: unknown): CelType;
  checkAccessOnType(access: Node, context: unknown, type: CelType): CelType;
  getType(name: string): CelType;
}

interface Evaluator {
  run(node: Node, context: unknown): unknown;
}

export function replaceHas(node: Node): void {
  if (node.op !== "call" || !Array.isArray(node.args) || node.args[0] !== "has" || node.meta.macro === undefined) return;
  const access: unknown = (node.args[1] as readonly unknown[])[0];
  if (!isNode(access) || (access.op !== "." && access.op !== ".?") || !Array.isArray(access.args)) return;
  const [operand, name] = access.args as readonly unknown[];
  if (!isNode(operand) || typeof name !== "string") return;
  node.setMeta("macro", {
    operand,
    typeCheck(checker: Checker, _: object, context: unknown) {
      const type = checker.check(operand, context);
      if (type.kind !== "optional") {
        try {
          checker.checkAccessOnType(access, context, type);
        } catch (error) {
          throw isError(error) ? Object.assign(error, { testedAt: node.start }) : error;
        }
      }
      return checker.getType("bool");
    },
    evaluate: (evaluator: Evaluator, _: object, context: unknown) => holds(evaluator.run(operand, context), name),
  });
}

/** cel-go finds a mistake in has(e.f) at its parenthesis, not at the field. */
const isError = (error: unknown): error is Error => error instanceof Error;

function holds(value: unknown, name: string): boolean | Promise<boolean> {
  if (value instanceof Promise) return value.then((settled: unknown) => holds(settled, name));
  if (value instanceof Optional) return value.hasValue() && holds(value.value(), name) === true;
  if (typeof value !== "object" || value === null) throw functionError(`no such key: ${name}`);
  return Object.hasOwn(value, name) && (value as { readonly [name: string]: unknown })[name] !== undefined;
}
