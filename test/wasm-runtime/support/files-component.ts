/**
 * A command that uses its first preopened directory: reads `input`, writes what it read to `output`, syncs it, and then tries
 * to open `../outside`. It ends with 0 when all of that went as it must (the last with an error), else with 1.
 */
import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco-transpile/wasm-tools";

const wit = `package test:files;
world command {
  import wasi:filesystem/types@0.2.0;
  import wasi:filesystem/preopens@0.2.0;
  export wasi:cli/run@0.2.0;
}
package wasi:cli@0.2.0 { interface run { run: func() -> result; } }
package wasi:filesystem@0.2.0 {
  interface types {
    enum error-code { access, would-block, already, bad-descriptor, busy, deadlock, quota, exist, file-too-large, illegal-byte-sequence,
      in-progress, interrupted, invalid, io, is-directory, loop, too-many-links, message-size, name-too-long, no-device, no-entry, no-lock,
      insufficient-memory, insufficient-space, not-directory, not-empty, not-recoverable, unsupported, no-tty, no-such-device, overflow,
      not-permitted, pipe, read-only, invalid-seek, text-file-busy, cross-device }
    flags path-flags { symlink-follow }
    flags open-flags { create, directory, exclusive, truncate }
    flags descriptor-flags { read, write, file-integrity-sync, data-integrity-sync, requested-write-sync, mutate-directory }
    resource descriptor {
      open-at: func(path-flags: path-flags, path: string, open-flags: open-flags, %flags: descriptor-flags) -> result<descriptor, error-code>;
      read: func(length: u64, offset: u64) -> result<tuple<list<u8>, bool>, error-code>;
      write: func(buffer: list<u8>, offset: u64) -> result<u64, error-code>;
      sync: func() -> result<_, error-code>;
    }
  }
  interface preopens {
    use types.{descriptor};
    get-directories: func() -> list<tuple<descriptor, string>>;
  }
}`;

const wat = `(module
  (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (param i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.open-at" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.read" (func $read (param i32 i64 i64 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.write" (func $write (param i32 i32 i32 i64 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.sync" (func $sync (param i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[resource-drop]descriptor" (func $drop (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "input")
  (data (i32.const 32) "output")
  (data (i32.const 48) "../outside")
  (global $heap (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (local.get 3))))
  (func (export "wasi:cli/run@0.2.0#run") (result i32) (local $root i32) (local $in i32) (local $out i32)
    (call $directories (i32.const 128))
    (if (i32.ne (i32.load (i32.const 132)) (i32.const 1)) (then (return (i32.const 1))))
    (local.set $root (i32.load (i32.load (i32.const 128))))
    (call $open (local.get $root) (i32.const 1) (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 1) (i32.const 144))
    (if (i32.load8_u (i32.const 144)) (then (return (i32.const 1))))
    (local.set $in (i32.load (i32.const 148)))
    (call $read (local.get $in) (i64.const 100) (i64.const 0) (i32.const 160))
    (if (i32.load8_u (i32.const 160)) (then (return (i32.const 1))))
    (call $drop (local.get $in))
    (call $open (local.get $root) (i32.const 0) (i32.const 32) (i32.const 6) (i32.const 1) (i32.const 2) (i32.const 144))
    (if (i32.load8_u (i32.const 144)) (then (return (i32.const 1))))
    (local.set $out (i32.load (i32.const 148)))
    (call $write (local.get $out) (i32.load (i32.const 164)) (i32.load (i32.const 168)) (i64.const 0) (i32.const 192))
    (if (i32.load8_u (i32.const 192)) (then (return (i32.const 1))))
    (call $sync (local.get $out) (i32.const 144))
    (if (i32.load8_u (i32.const 144)) (then (return (i32.const 1))))
    (call $drop (local.get $out))
    (call $open (local.get $root) (i32.const 1) (i32.const 48) (i32.const 10) (i32.const 0) (i32.const 1) (i32.const 144))
    (i32.eqz (i32.load8_u (i32.const 144)))))`;

export async function filesComponent(): Promise<Uint8Array> {
  return componentNew(await componentEmbed({ binary: await parse(wat), witSource: wit, world: "command" }));
}
