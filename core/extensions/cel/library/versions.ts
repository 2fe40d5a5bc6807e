/** semver() and isSemver() (KEP-4832): versions by semver.org; with a second argument "v1.2" and " 1.02.3" are read, too. */
import type { Environment } from "@marcbachmann/cel-js";
import { functionError } from "../errors.ts";

class Semver {
  readonly numbers: readonly [major: bigint, minor: bigint, patch: bigint];
  readonly pre: readonly string[];
  constructor(numbers: readonly [bigint, bigint, bigint], pre: readonly string[]) {
    this.numbers = numbers;
    this.pre = pre;
  }
  toString(): string {
    return this.numbers.join(".") + (this.pre.length === 0 ? "" : `-${this.pre.join(".")}`);
  }
}

const SYNTAX = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*))*))?(?:\+[\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*)?$/;

function normalized(text: string): string {
  const [core = "", ...rest] = text.trim().replace(/^v/, "").split(/(?=[-+])/);
  const numbers = core.split(".").map((part) => part.replace(/^0+(?=\d)/, ""));
  while (numbers.length < 3) numbers.push("0");
  return numbers.join(".") + rest.join("");
}

function parse(text: string): Semver | undefined {
  const [whole, major = "0", minor = "0", patch = "0", pre] = SYNTAX.exec(text) ?? [];
  return whole === undefined ? undefined : new Semver([BigInt(major), BigInt(minor), BigInt(patch)], pre === undefined ? [] : pre.split("."));
}

function semver(text: string): Semver {
  const version = parse(text);
  if (version === undefined) throw functionError(`No Major.Minor.Patch elements found`);
  return version;
}

function compare(a: Semver, b: Semver): number {
  for (const index of [0, 1, 2] as const) if (a.numbers[index] !== b.numbers[index]) return a.numbers[index] < b.numbers[index] ? -1 : 1;
  if (a.pre.length === 0 || b.pre.length === 0) return Math.sign(b.pre.length - a.pre.length);
  for (let index = 0; index < Math.max(a.pre.length, b.pre.length); index++) {
    const [left, right] = [a.pre[index], b.pre[index]];
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    if (left === right) continue;
    const numeric = [left, right].map((each) => /^\d+$/.test(each));
    if (numeric[0] === true && numeric[1] === true) return BigInt(left) < BigInt(right) ? -1 : 1;
    if (numeric[0] !== numeric[1]) return numeric[0] === true ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return 0;
}

export function versions(environment: Environment): void {
  environment.registerType("kubernetes.Semver", { ctor: Semver, fields: {} });
  const add = (signature: string, handler: (...given: never[]) => unknown) => environment.registerFunction(signature, handler as never, { async: false } as never);
  add("semver(string): kubernetes.Semver", semver);
  add("semver(string, bool): kubernetes.Semver", (text: string, loose: boolean) => semver(loose ? normalized(text) : text));
  add("isSemver(string): bool", (text: string) => parse(text) !== undefined);
  add("isSemver(string, bool): bool", (text: string, loose: boolean) => parse(loose ? normalized(text) : text) !== undefined);
  for (const [index, name] of ["major", "minor", "patch"].entries()) add(`kubernetes.Semver.${name}(): int`, ({ numbers }: Semver) => numbers[index]);
  add("kubernetes.Semver.compareTo(kubernetes.Semver): int", (a: Semver, b: Semver) => BigInt(compare(a, b)));
  add("kubernetes.Semver.isLessThan(kubernetes.Semver): bool", (a: Semver, b: Semver) => compare(a, b) < 0);
  add("kubernetes.Semver.isGreaterThan(kubernetes.Semver): bool", (a: Semver, b: Semver) => compare(a, b) > 0);
  environment.registerOperator("kubernetes.Semver == kubernetes.Semver", (a: Semver, b: Semver) => compare(a, b) === 0);
}
