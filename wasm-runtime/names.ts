/**
 * Names inside a component become string literals of the generated glue, and the generator writes them as they are: a core
 * export called `'];process.exit();['` would be code of the host. No compiler makes such names, so a component that has one is
 * refused. Only the sections with names that reach the glue are read: core modules, core instances, aliases, instances.
 * Binary format: WebAssembly/component-model, design/mvp/Binary.md; WebAssembly core specification, 5.5.
 */
import { ByteReader } from "./byte-reader.ts";
import { ComponentError } from "./component-header.ts";

/** Printable ASCII without quotes and backslash: what mangled names of all known compilers are made of. */
const HARMLESS = /^[\x20-\x21\x23-\x26\x28-\x5b\x5d-\x5f\x61-\x7e]*$/;
/** Components in components; tools that link make two levels. */
const MAX_DEPTH = 16;
const PREAMBLE_BYTES = 8;

const section = { coreModule: 1, coreInstance: 2, component: 4, instance: 5, alias: 6 } as const;
const coreSection = { import: 2, export: 7 } as const;

/** @throws ComponentError */
export function checkNames(component: Uint8Array): void {
  try {
    checkComponent(new Cursor(component, PREAMBLE_BYTES, component.length), 0);
  } catch (error) {
    if (error instanceof ComponentError) throw error;
    throw new ComponentError("Failed", `the component cannot be read: ${(error as Error).message}`);
  }
}

function checkComponent(cursor: Cursor, depth: number): void {
  if (depth > MAX_DEPTH) throw new ComponentError("Failed", `components are nested deeper than ${MAX_DEPTH} levels: link them into one`);
  while (!cursor.done()) {
    const id = cursor.byte();
    const part = cursor.take(cursor.u32());
    switch (id) {
      case section.coreModule:
        part.skip(PREAMBLE_BYTES);
        checkModule(part);
        break;
      case section.component:
        part.skip(PREAMBLE_BYTES);
        checkComponent(part, depth + 1);
        break;
      case section.coreInstance:
        part.each(() => coreInstance(part));
        break;
      case section.instance:
        part.each(() => instance(part));
        break;
      case section.alias:
        part.each(() => alias(part));
        break;
      default: // names of the other sections are validated words
    }
  }
}

function checkModule(cursor: Cursor): void {
  while (!cursor.done()) {
    const id = cursor.byte();
    const part = cursor.take(cursor.u32());
    if (id === coreSection.import) part.each(() => importOf(part));
    if (id === coreSection.export) {
      part.each(() => {
        check(part.name());
        part.byte();
        part.u32();
      });
    }
  }
}

function importOf(part: Cursor): void {
  check(part.name());
  check(part.name());
  switch (part.byte()) {
    case 0: // function
      return void part.u32();
    case 1: // table
      part.referenceType();
      return part.limits();
    case 2: // memory
      return part.limits();
    case 3: // global
      part.referenceType();
      return void part.byte();
    case 4: // tag
      part.byte();
      return void part.u32();
    default:
      throw new Error("an import of an unknown kind");
  }
}

function coreInstance(part: Cursor): void {
  const inline = part.byte() === 1;
  if (!inline) part.u32();
  part.each(() => {
    check(part.name());
    part.byte();
    part.u32();
  });
}

function instance(part: Cursor): void {
  const inline = part.byte() === 1;
  if (!inline) part.u32();
  part.each(() => {
    if (inline) part.byte();
    check(part.name());
    part.sort();
    part.u32();
  });
}

function alias(part: Cursor): void {
  part.sort();
  const outer = part.byte() === 2;
  part.u32();
  if (outer) part.u32();
  else check(part.name());
}

function check(name: string): void {
  if (HARMLESS.test(name) && name !== "__proto__") return;
  throw new ComponentError("Failed", `the component has the name ${JSON.stringify(name.slice(0, 64))} inside, which is not accepted: rename it to printable ASCII without quotes`);
}

class Cursor extends ByteReader {
  protected override broken(what: "bytes" | "number"): Error {
    return new Error(what === "bytes" ? "it is cut off" : "a number does not end");
  }

  skip(count: number): void {
    for (let at = 0; at < count; at++) this.byte();
  }

  /** of 64 bits too, whose value nobody asks for */
  u32(): number {
    return this.leb128(10);
  }

  take(size: number): Cursor {
    return new Cursor(...this.span(size));
  }

  each(read: () => void): void {
    for (let left = this.u32(); left > 0; left--) read();
  }

  name(): string {
    return this.text(this.u32());
  }

  sort(): void {
    if (this.byte() === 0) this.byte();
  }

  /** value types too: one byte, or `ref` with a heap type */
  referenceType(): void {
    const type = this.byte();
    if (type === 0x63 || type === 0x64) this.u32();
  }

  limits(): void {
    const flags = this.byte();
    this.u32();
    if ((flags & 1) !== 0) this.u32();
    if ((flags & 8) !== 0) this.u32();
  }
}
