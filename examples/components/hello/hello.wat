;; A wasi:http service in 1 KB of core WebAssembly: every request is answered with one line,
;;   <MESSAGE, else "hello"> from <HOSTNAME>
;; The environment is read once, at the first request; the line stays in memory below $mark. Memory above $mark belongs to
;; one request and is reused by the next.
(module
  (import "wasi:cli/environment@0.2.0" "get-environment" (func $get-environment (param i32)))
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.0" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $write-body (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[resource-drop]incoming-request" (func $drop-request (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop-stream (param i32)))

  (memory (export "memory") 2)
  (data (i32.const 16) "content-type")
  (data (i32.const 32) "text/plain")
  (data (i32.const 48) "HOSTNAME")
  (data (i32.const 64) "MESSAGE")
  (data (i32.const 80) " from ")
  (data (i32.const 96) "hello")
  ;; 128: where the host writes results

  (global $heap (mut i32) (i32.const 4096))
  (global $mark (mut i32) (i32.const 0))
  (global $line (mut i32) (i32.const 0))
  (global $line-end (mut i32) (i32.const 0))

  ;; Memory for what the host passes in: only ever grows, $handle resets it.
  (func $allocate (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32)
    (result i32) (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $heap) (i32.shl (memory.size) (i32.const 16))))
      (br_if $fits (i32.ne (i32.const -1) (memory.grow
        (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1)))))
      (unreachable))
    (local.get $at))

  (func $equal (param $a i32) (param $b i32) (param $length i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $length)) (then (return (i32.const 1))))
      (if (i32.ne (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b))) (then (return (i32.const 0))))
      (local.set $a (i32.add (local.get $a) (i32.const 1)))
      (local.set $b (i32.add (local.get $b) (i32.const 1)))
      (local.set $length (i32.sub (local.get $length) (i32.const 1)))
      (br $next))
    (unreachable))

  (func $emit (param $from i32) (param $length i32)
    (memory.copy (global.get $line-end) (local.get $from) (local.get $length))
    (global.set $line-end (i32.add (global.get $line-end) (local.get $length))))

  (func $compose (local $entry i32) (local $end i32) (local $host i32) (local $host-length i32)
    (local $message i32) (local $message-length i32)
    (local.set $message (i32.const 96))
    (local.set $message-length (i32.const 5))
    (call $get-environment (i32.const 128))
    (local.set $entry (i32.load (i32.const 128)))
    (local.set $end (i32.add (local.get $entry) (i32.mul (i32.load (i32.const 132)) (i32.const 16))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $entry) (local.get $end)))
      (if (i32.eq (i32.load offset=4 (local.get $entry)) (i32.const 8)) (then
        (if (call $equal (i32.load (local.get $entry)) (i32.const 48) (i32.const 8)) (then
          (local.set $host (i32.load offset=8 (local.get $entry)))
          (local.set $host-length (i32.load offset=12 (local.get $entry)))))))
      (if (i32.eq (i32.load offset=4 (local.get $entry)) (i32.const 7)) (then
        (if (call $equal (i32.load (local.get $entry)) (i32.const 64) (i32.const 7)) (then
          (local.set $message (i32.load offset=8 (local.get $entry)))
          (local.set $message-length (i32.load offset=12 (local.get $entry)))))))
      (local.set $entry (i32.add (local.get $entry) (i32.const 16)))
      (br $next)))
    (global.set $line (call $allocate (i32.const 0) (i32.const 0) (i32.const 1)
      (i32.add (i32.const 7) (i32.add (local.get $host-length) (local.get $message-length)))))
    (global.set $line-end (global.get $line))
    (call $emit (local.get $message) (local.get $message-length))
    (call $emit (i32.const 80) (i32.const 6))
    (call $emit (local.get $host) (local.get $host-length))
    (i32.store8 (global.get $line-end) (i32.const 10))
    (global.set $line-end (i32.add (global.get $line-end) (i32.const 1)))
    (global.set $mark (global.get $heap)))

  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $headers i32) (local $answer i32) (local $outgoing i32) (local $stream i32)
    (if (i32.eqz (global.get $mark)) (then (call $compose)))
    (global.set $heap (global.get $mark))
    (call $drop-request (local.get $request))
    (local.set $headers (call $fields))
    (call $append (local.get $headers) (i32.const 16) (i32.const 12) (i32.const 32) (i32.const 10) (i32.const 128))
    (local.set $answer (call $response (local.get $headers)))
    (call $body (local.get $answer) (i32.const 128))
    (local.set $outgoing (i32.load (i32.const 132)))
    (call $set (local.get $out) (i32.const 0) (local.get $answer)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write-body (local.get $outgoing) (i32.const 128))
    (local.set $stream (i32.load (i32.const 132)))
    (call $write (local.get $stream) (global.get $line) (i32.sub (global.get $line-end) (global.get $line)) (i32.const 128))
    (call $drop-stream (local.get $stream))
    (call $finish (local.get $outgoing) (i32.const 0) (i32.const 0) (i32.const 128))))
