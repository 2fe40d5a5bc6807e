/**
 * Which components of a pod work together: one imports an interface that no device offers, another container's component
 * exports it. Both then run in one process, the exporting one as a library with memory of its own and the grants of who links
 * it. Pure: what is known of the pod's components in, who is linked out.
 */
import { requiredOf } from "../../../wasm-runtime/capabilities.ts";

export interface Part {
  readonly container: string;
  /** undefined: its image is not on the device yet */
  readonly interfaces: { readonly imports: readonly string[]; readonly exports: readonly string[] } | undefined;
}

/** A chain of libraries that long is no design of a pod. */
const MAX_LINKED = 16;

/** @returns the containers whose components are linked to `name`'s: those that others import from come first. @throws Error */
export function linkedTo(name: string, parts: readonly Part[]): readonly string[] {
  const order: string[] = [];
  const visit = (of: string, path: readonly string[]) => {
    const interfaces = parts.find(({ container }) => container === of)?.interfaces;
    for (const required of requiredOf(interfaces?.imports ?? [])) {
      const found = exporterOf(required, of, parts);
      if (path.includes(found)) throw new Error(`the components of ${[...path, found].join(", ")} import from each other in a circle: put what both need into a third`);
      if (order.includes(found)) continue;
      visit(found, [...path, found]);
      order.push(found);
      if (order.length > MAX_LINKED) throw new Error(`more than ${MAX_LINKED} components would be linked to ${name}`);
    }
  };
  visit(name, [name]);
  return order;
}

function exporterOf(required: string, of: string, parts: readonly Part[]): string {
  const others = parts.filter(({ container }) => container !== of);
  const [first, second] = others.filter(({ interfaces }) => interfaces?.exports.includes(required) === true);
  if (second !== undefined && first !== undefined) throw new Error(`the component of ${of} imports ${required}, which both ${first.container} and ${second.container} export: remove one of them from the pod`);
  if (first !== undefined) return first.container;
  const absent = others.filter(({ interfaces }) => interfaces === undefined).map(({ container }) => container);
  if (absent.length > 0) throw new Error(`the component of ${of} imports ${required}; waiting for the images of ${absent.join(", ")}, one of which may export it`);
  throw new Error(`the component of ${of} imports ${required}, which no component of the pod exports: add a container whose component does`);
}
