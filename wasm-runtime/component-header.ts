/**
 * What a component imports and exports, read from its top-level sections without a parser of the whole format: enough to
 * refuse what cannot run here before any tool looks at it.
 * Binary format: WebAssembly/component-model, design/mvp/Binary.md.
 */
import { ByteReader } from "./byte-reader.ts";

export interface ComponentHeader {
  /** interface names with versions, "wasi:http/types@0.2.0" */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

export type ComponentReason =
  | "NotWebAssembly"
  | "CoreModule"
  | "Truncated"
  | "TooLarge"
  | "UnsupportedWorld"
  | "UnsupportedImport"
  | "TimedOut"
  | "OutOfMemory"
  | "Failed";

/** The component cannot become a module; the message says what to do. */
export class ComponentError extends Error {
  override readonly name = "ComponentError";
  readonly reason: ComponentReason;

  constructor(reason: ComponentReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

const PREAMBLE_BYTES = 8;
const LAYER_COMPONENT = 1;
const SECTION_IMPORT = 10;
const SECTION_EXPORT = 11;
/** More names than any world has; a bound for hostile counts. */
const MAX_NAMES = 4096;

export function readComponentHeader(bytes: Uint8Array): ComponentHeader {
  checkPreamble(bytes);
  const reader = new Reader(bytes, PREAMBLE_BYTES, bytes.length);
  const imports: string[] = [];
  const exports: string[] = [];
  while (!reader.done()) {
    const id = reader.byte();
    const size = reader.u32();
    const section = reader.take(size);
    if (id === SECTION_IMPORT) readNames(section, imports, false);
    if (id === SECTION_EXPORT) readNames(section, exports, true);
  }
  return { imports, exports };
}

/** Whether it is a core module, which `adapt.ts` can make a component of. @throws ComponentError when it is no WebAssembly */
export function isCoreModule(bytes: Uint8Array): boolean {
  checkMagic(bytes);
  return bytes[6] !== LAYER_COMPONENT;
}

function checkPreamble(bytes: Uint8Array): void {
  if (!isCoreModule(bytes)) return;
  throw new ComponentError("CoreModule", "a core WebAssembly module, not a component: build for wasm32-wasip2, or for wasm32-wasip1 and push it");
}

function checkMagic(bytes: Uint8Array): void {
  const magic = bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;
  if (!magic) {
    throw new ComponentError("NotWebAssembly", "not WebAssembly: the file does not begin with \\0asm; give the .wasm of a component");
  }
  if (bytes.length < PREAMBLE_BYTES) throw truncated();
}

function readNames(section: Reader, into: string[], exported: boolean): void {
  const count = section.u32();
  if (count > MAX_NAMES) throw new ComponentError("Failed", `the component has ${count} names in one section, at most ${MAX_NAMES} are read`);
  for (let index = 0; index < count; index++) {
    into.push(section.name());
    if (exported) {
      if (section.byte() === 0) section.byte();
      section.u32();
      if (section.byte() === 1) section.externDescription();
    } else section.externDescription();
  }
}

const truncated = () => new ComponentError("Truncated", "the component is cut off: push or copy the whole file again");

class Reader extends ByteReader {
  protected override broken(what: "bytes" | "number"): ComponentError {
    if (what === "bytes") return truncated();
    return new ComponentError("Failed", "the component has a malformed number; it is not valid WebAssembly");
  }

  u32(): number {
    return this.leb128(5);
  }

  take(size: number): Reader {
    return new Reader(...this.span(size));
  }

  name(): string {
    const kind = this.byte();
    const text = this.text(this.u32());
    // 0x02 carries options (implements, version suffix) that none of our hosts understand
    if (kind > 1) throw new ComponentError("UnsupportedImport", `the name ${text} uses an extension of the component format that is not supported`);
    return text;
  }

  externDescription(): void {
    switch (this.byte()) {
      case 0x00: // core module: 0x11 typeidx
        this.byte();
        this.u32();
        return;
      case 0x02: // value: eq idx | type
        this.byte();
        this.u32();
        return;
      case 0x03: // type: eq idx | sub resource
        if (this.byte() === 0) this.u32();
        return;
      default: // function, component, instance
        this.u32();
    }
  }
}
