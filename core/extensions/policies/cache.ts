/** Compiled policies and bindings, each for as long as its object is the current one. */
import type { KubeObject } from "../../api/meta.ts";

/** A WeakMap by object: informers replace an object when it changes, and what nobody holds goes by itself. */
export function compiledOnce<T extends KubeObject, C>(compile: (object: T) => C): (object: T) => C {
  const compiled = new WeakMap<T, C>();
  return (object) => {
    let there = compiled.get(object);
    if (there === undefined) compiled.set(object, (there = compile(object)));
    return there;
  };
}

/** What a plugin reads of the cluster; empty until there are caches. */
export interface Source<P, B> {
  policies(): readonly P[];
  /** those of one policy */
  bindings(policy: string): readonly B[];
}
