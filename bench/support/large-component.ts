/** A component of some 14 MB, the size of a JavaScript engine as a component: two thirds code, one third data. It serves, and answers nothing. */
import { componentEmbed, componentNew } from "@bytecodealliance/jco-transpile/wasm-tools";

const FUNCTIONS = 12_000;
const STEPS = 160;
const DATA_BYTES = 5 << 20;
const I32 = 0x7f;
const HANDLE = "wasi:http/incoming-handler@0.2.0#handle";

const wit = `package bench:large;
world service { export wasi:http/incoming-handler@0.2.0; }
package wasi:http@0.2.0 {
  interface types { resource incoming-request; resource response-outparam; }
  interface incoming-handler { use types.{incoming-request, response-outparam}; handle: func(request: incoming-request, response-out: response-outparam); }
}`;

export async function largeComponent(): Promise<Uint8Array> {
  return componentNew(await componentEmbed({ binary: core(), witSource: wit, world: "service" }));
}

/** WebAssembly core specification, 5.5: sections in their order. */
function core(): Uint8Array {
  const pages = (DATA_BYTES >> 16) + 1;
  // local.get 0, then (i32.const …, i32.xor) again and again
  const body = Buffer.from([0, 0x20, 0, ...Array.from({ length: STEPS }, (_, at) => [0x41, ...leb(1_000_000 + at), 0x73]).flat(), 0x0b]);
  const one = Buffer.concat([Buffer.from(leb(body.length)), body]);
  return Buffer.concat([
    Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
    section(1, Buffer.from([2, 0x60, 1, I32, 1, I32, 0x60, 2, I32, I32, 0])),
    section(3, Buffer.concat([Buffer.from(leb(FUNCTIONS + 1)), Buffer.alloc(FUNCTIONS), Buffer.from([1])])),
    section(5, Buffer.from([1, 0, ...leb(pages)])),
    section(7, Buffer.from([2, ...name("memory"), 2, 0, ...name(HANDLE), 0, ...leb(FUNCTIONS)])),
    section(10, Buffer.concat([Buffer.from(leb(FUNCTIONS + 1)), ...Array.from({ length: FUNCTIONS }, () => one), Buffer.from([2, 0, 0x0b])])),
    section(11, Buffer.concat([Buffer.from([1, 0, 0x41, 0, 0x0b, ...leb(DATA_BYTES)]), Buffer.alloc(DATA_BYTES, "lichen and moss ")])),
  ]);
}

const section = (id: number, content: Buffer) => Buffer.concat([Buffer.from([id, ...leb(content.length)]), content]);
const name = (text: string) => [...leb(Buffer.byteLength(text)), ...Buffer.from(text)];

function leb(value: number): number[] {
  const low = value & 0x7f;
  const rest = value >>> 7;
  // signed and unsigned agree as long as the last byte's sixth bit is free
  return rest === 0 && low < 0x40 ? [low] : rest === 0 ? [low | 0x80, 0] : [low | 0x80, ...leb(rest)];
}
