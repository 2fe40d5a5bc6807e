;; A wasi:cli command that prints "tick 1", "tick 2", … one line per interval. Environment (decimal numbers):
;;   INTERVAL_MS  between two lines, 1000 unless given
;;   TICKS        how many lines, then it ends; endless unless given
;;   EXIT_CODE    the code to end with, 0 unless given
(module
  (import "wasi:cli/environment@0.2.0" "get-environment" (func $get-environment (param i32)))
  (import "wasi:cli/exit@0.2.0" "exit-with-code" (func $exit (param i32)))
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $get-stdout (result i32)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop-pollable (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))

  (memory (export "memory") 2)
  (data (i32.const 16) "INTERVAL_MS")
  (data (i32.const 32) "TICKS")
  (data (i32.const 48) "EXIT_CODE")
  (data (i32.const 64) "tick ")
  ;; 69..: digits of the line being written; 128: where the host writes results

  (global $heap (mut i32) (i32.const 4096))

  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32)
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

  ;; The decimal value of a variable, or $default when it is absent.
  (func $number (param $name i32) (param $length i32) (param $default i32) (result i32)
    (local $entry i32) (local $end i32) (local $at i32) (local $stop i32) (local $value i32)
    (local.set $entry (i32.load (i32.const 128)))
    (local.set $end (i32.add (local.get $entry) (i32.mul (i32.load (i32.const 132)) (i32.const 16))))
    (loop $next
      (if (i32.ge_u (local.get $entry) (local.get $end)) (then (return (local.get $default))))
      (if (i32.eq (i32.load offset=4 (local.get $entry)) (local.get $length)) (then
        (if (call $equal (i32.load (local.get $entry)) (local.get $name) (local.get $length)) (then
          (local.set $at (i32.load offset=8 (local.get $entry)))
          (local.set $stop (i32.add (local.get $at) (i32.load offset=12 (local.get $entry))))
          (block $done (loop $digit
            (br_if $done (i32.ge_u (local.get $at) (local.get $stop)))
            (local.set $value (i32.add
              (i32.mul (local.get $value) (i32.const 10))
              (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $digit)))
          (return (local.get $value))))))
      (local.set $entry (i32.add (local.get $entry) (i32.const 16)))
      (br $next))
    (unreachable))

  ;; Writes the digits of $value from 69 on and returns where they end.
  (func $digits (param $value i32) (result i32) (local $end i32) (local $rest i32)
    (local.set $end (i32.const 69))
    (local.set $rest (local.get $value))
    (loop $count
      (local.set $end (i32.add (local.get $end) (i32.const 1)))
      (local.set $rest (i32.div_u (local.get $rest) (i32.const 10)))
      (br_if $count (local.get $rest)))
    (local.set $rest (local.get $end))
    (loop $put
      (local.set $rest (i32.sub (local.get $rest) (i32.const 1)))
      (i32.store8 (local.get $rest) (i32.add (i32.const 48) (i32.rem_u (local.get $value) (i32.const 10))))
      (local.set $value (i32.div_u (local.get $value) (i32.const 10)))
      (br_if $put (local.get $value)))
    (local.get $end))

  (func (export "wasi:cli/run@0.2.0#run") (result i32)
    (local $out i32) (local $interval i32) (local $ticks i32) (local $code i32)
    (local $count i32) (local $end i32) (local $timer i32)
    (call $get-environment (i32.const 128))
    (local.set $interval (call $number (i32.const 16) (i32.const 11) (i32.const 1000)))
    (local.set $ticks (call $number (i32.const 32) (i32.const 5) (i32.const 0)))
    (local.set $code (call $number (i32.const 48) (i32.const 9) (i32.const 0)))
    (local.set $out (call $get-stdout))
    (loop $tick
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (local.set $end (call $digits (local.get $count)))
      (i32.store8 (local.get $end) (i32.const 10))
      (call $write (local.get $out) (i32.const 64) (i32.sub (local.get $end) (i32.const 63)) (i32.const 144))
      (if (i32.eq (local.get $count) (local.get $ticks)) (then
        (if (local.get $code) (then (call $exit (local.get $code))))
        (return (i32.const 0))))
      (local.set $timer (call $after (i64.mul (i64.extend_i32_u (local.get $interval)) (i64.const 1000000))))
      (call $block (local.get $timer))
      (call $drop-pollable (local.get $timer))
      (br $tick))
    (unreachable)))
