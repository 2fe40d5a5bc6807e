/**
 * What `--frozen-intrinsics` leaves open in a shared process: the other globals, and their names. The glue of a component is
 * generated, and kept from nothing but names that were checked; should one get something past that check, it finds nothing that
 * another component would use.
 */

/** Of the process itself, which changes them. */
const LIVE = new Set(["process", "globalThis", "global"]);

export function freezeGlobals(): void {
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(globalThis))) {
    // a getter loads a part of Node when it is asked (fetch, crypto); that of Buffer does not
    if (LIVE.has(name) || (!("value" in property) && name !== "Buffer")) continue;
    const value: unknown = (globalThis as Record<string, unknown>)[name];
    if ((typeof value === "object" && value !== null) || typeof value === "function") {
      Object.freeze(value);
      const prototype = (value as { readonly prototype?: unknown }).prototype;
      if (typeof prototype === "object" && prototype !== null) Object.freeze(prototype);
    }
    if (property.configurable === true) Object.defineProperty(globalThis, name, { value, writable: false, configurable: false });
  }
}
