/*
 * The functions of WASI 0.2 that no call of POSIX needs, called through the canonical ABI by hand. The test says in the
 * environment where its servers are: HTTP (answers with trailers), UDP_ECHO.
 */
#include "cases.h"

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name))) extern
#define TCP "wasi:sockets/tcp@0.2.0"
#define UDP "wasi:sockets/udp@0.2.0"
#define HTTP "wasi:http/types@0.2.0"
#define STREAMS "wasi:io/streams@0.2.0"
#define CLOCK "wasi:clocks/monotonic-clock@0.2.0"

typedef int32_t Handle;
typedef int64_t Duration;
#define ADDRESS_PARAMS int tag, int port, int a, int b, int c, int d, int e, int f, int g, int h, int i, int j
#define LOOPBACK(port) 0, port, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0
#define ANY 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

IMPORT("wasi:cli/environment@0.2.0", "initial-cwd") void initial_cwd(void *);
IMPORT("wasi:random/random@0.2.0", "get-random-u64") int64_t random_u64(void);
IMPORT("wasi:random/insecure@0.2.0", "get-insecure-random-bytes") void insecure_bytes(int64_t, void *);
IMPORT("wasi:random/insecure@0.2.0", "get-insecure-random-u64") int64_t insecure_u64(void);
IMPORT("wasi:random/insecure-seed@0.2.0", "insecure-seed") void insecure_seed(void *);
IMPORT(CLOCK, "now") int64_t now(void);
IMPORT(CLOCK, "resolution") int64_t resolution(void);
IMPORT(CLOCK, "subscribe-instant") Handle at_instant(int64_t);
IMPORT(CLOCK, "subscribe-duration") Handle after(Duration);
IMPORT("wasi:io/poll@0.2.0", "poll") void poll_list(const Handle *, int, void *);
IMPORT("wasi:io/poll@0.2.0", "[method]pollable.block") void block(Handle);
IMPORT("wasi:io/poll@0.2.0", "[method]pollable.ready") int ready(Handle);
IMPORT("wasi:io/poll@0.2.0", "[resource-drop]pollable") void pollable_drop(Handle);
IMPORT("wasi:io/error@0.2.0", "[method]error.to-debug-string") void debug_string(Handle, void *);
IMPORT(STREAMS, "[method]input-stream.read") void in_read(Handle, int64_t, void *);
IMPORT(STREAMS, "[method]input-stream.skip") void in_skip(Handle, int64_t, void *);
IMPORT(STREAMS, "[method]input-stream.blocking-read") void in_blocking_read(Handle, int64_t, void *);
IMPORT(STREAMS, "[resource-drop]input-stream") void in_drop(Handle);
IMPORT(STREAMS, "[method]output-stream.check-write") void out_check_write(Handle, void *);
IMPORT(STREAMS, "[method]output-stream.flush") void out_flush(Handle, void *);
IMPORT(STREAMS, "[method]output-stream.write-zeroes") void out_zeroes(Handle, int64_t, void *);
IMPORT(STREAMS, "[method]output-stream.blocking-write-zeroes-and-flush") void out_blocking_zeroes(Handle, int64_t, void *);
IMPORT(STREAMS, "[method]output-stream.splice") void out_splice(Handle, Handle, int64_t, void *);
IMPORT(STREAMS, "[resource-drop]output-stream") void out_drop(Handle);
IMPORT("wasi:filesystem/preopens@0.2.0", "get-directories") void directories(void *);
IMPORT("wasi:filesystem/types@0.2.0", "[method]descriptor.open-at") void open_at(Handle, int, const char *, int, int, int, void *);
IMPORT("wasi:filesystem/types@0.2.0", "[method]descriptor.is-same-object") int same_object(Handle, Handle);
IMPORT("wasi:filesystem/types@0.2.0", "[method]descriptor.read-via-stream") void read_stream(Handle, int64_t, void *);
IMPORT("wasi:filesystem/types@0.2.0", "[method]descriptor.write-via-stream") void write_stream(Handle, int64_t, void *);
IMPORT("wasi:filesystem/types@0.2.0", "[method]descriptor.append-via-stream") void append_stream(Handle, void *);
IMPORT("wasi:filesystem/types@0.2.0", "filesystem-error-code") void file_error(Handle, void *);
IMPORT("wasi:filesystem/types@0.2.0", "[resource-drop]descriptor") void descriptor_drop(Handle);
IMPORT("wasi:sockets/instance-network@0.2.0", "instance-network") Handle instance_network(void);
IMPORT("wasi:sockets/tcp-create-socket@0.2.0", "create-tcp-socket") void create_tcp(int, void *);
IMPORT(TCP, "[method]tcp-socket.address-family") int tcp_family(Handle);
IMPORT(TCP, "[method]tcp-socket.keep-alive-idle-time") void tcp_idle(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.set-keep-alive-idle-time") void tcp_set_idle(Handle, Duration, void *);
IMPORT(TCP, "[method]tcp-socket.keep-alive-interval") void tcp_interval(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.set-keep-alive-interval") void tcp_set_interval(Handle, Duration, void *);
IMPORT(TCP, "[method]tcp-socket.keep-alive-count") void tcp_count(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.set-keep-alive-count") void tcp_set_count(Handle, int, void *);
IMPORT(TCP, "[method]tcp-socket.receive-buffer-size") void tcp_receive_size(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.set-receive-buffer-size") void tcp_set_receive_size(Handle, int64_t, void *);
IMPORT(TCP, "[method]tcp-socket.send-buffer-size") void tcp_send_size(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.set-send-buffer-size") void tcp_set_send_size(Handle, int64_t, void *);
IMPORT("wasi:sockets/udp-create-socket@0.2.0", "create-udp-socket") void create_udp(int, void *);
IMPORT(UDP, "[method]udp-socket.start-bind") void udp_start_bind(Handle, Handle, ADDRESS_PARAMS, void *);
IMPORT(UDP, "[method]udp-socket.finish-bind") void udp_finish_bind(Handle, void *);
IMPORT(UDP, "[method]udp-socket.subscribe") Handle udp_subscribe(Handle);
IMPORT(UDP, "[method]udp-socket.stream") void udp_stream(Handle, int some, ADDRESS_PARAMS, void *);
IMPORT(UDP, "[method]udp-socket.remote-address") void udp_remote(Handle, void *);
IMPORT(UDP, "[method]udp-socket.address-family") int udp_family(Handle);
IMPORT(UDP, "[method]udp-socket.unicast-hop-limit") void udp_hops(Handle, void *);
IMPORT(UDP, "[method]udp-socket.set-unicast-hop-limit") void udp_set_hops(Handle, int, void *);
IMPORT(UDP, "[method]udp-socket.receive-buffer-size") void udp_receive_size(Handle, void *);
IMPORT(UDP, "[method]udp-socket.set-receive-buffer-size") void udp_set_receive_size(Handle, int64_t, void *);
IMPORT(UDP, "[method]udp-socket.send-buffer-size") void udp_send_size(Handle, void *);
IMPORT(UDP, "[method]udp-socket.set-send-buffer-size") void udp_set_send_size(Handle, int64_t, void *);
IMPORT(UDP, "[method]outgoing-datagram-stream.subscribe") Handle udp_out_subscribe(Handle);
IMPORT(HTTP, "http-error-code") void http_error(Handle, void *);
IMPORT(HTTP, "[constructor]fields") Handle fields_new(void);
IMPORT(HTTP, "[static]fields.from-list") void fields_from(const void *, int, void *);
IMPORT(HTTP, "[method]fields.get") void fields_get(Handle, const char *, int, void *);
IMPORT(HTTP, "[method]fields.has") int fields_has(Handle, const char *, int);
IMPORT(HTTP, "[method]fields.set") void fields_set(Handle, const char *, int, const void *, int, void *);
IMPORT(HTTP, "[method]fields.append") void fields_append(Handle, const char *, int, const char *, int, void *);
IMPORT(HTTP, "[method]fields.delete") void fields_delete(Handle, const char *, int, void *);
IMPORT(HTTP, "[method]fields.entries") void fields_entries(Handle, void *);
IMPORT(HTTP, "[method]fields.clone") Handle fields_clone(Handle);
IMPORT(HTTP, "[resource-drop]fields") void fields_drop(Handle);
IMPORT(HTTP, "[constructor]outgoing-request") Handle request_new(Handle);
IMPORT(HTTP, "[method]outgoing-request.method") void request_method(Handle, void *);
IMPORT(HTTP, "[method]outgoing-request.set-method") int request_set_method(Handle, int, const char *, int);
IMPORT(HTTP, "[method]outgoing-request.path-with-query") void request_path(Handle, void *);
IMPORT(HTTP, "[method]outgoing-request.set-path-with-query") int request_set_path(Handle, int, const char *, int);
IMPORT(HTTP, "[method]outgoing-request.scheme") void request_scheme(Handle, void *);
IMPORT(HTTP, "[method]outgoing-request.set-scheme") int request_set_scheme(Handle, int, int, const char *, int);
IMPORT(HTTP, "[method]outgoing-request.authority") void request_authority(Handle, void *);
IMPORT(HTTP, "[method]outgoing-request.set-authority") int request_set_authority(Handle, int, const char *, int);
IMPORT(HTTP, "[method]outgoing-request.headers") Handle request_headers(Handle);
IMPORT(HTTP, "[constructor]outgoing-response") Handle response_new(Handle);
IMPORT(HTTP, "[method]outgoing-response.status-code") int response_code(Handle);
IMPORT(HTTP, "[method]outgoing-response.set-status-code") int response_set_code(Handle, int);
IMPORT(HTTP, "[method]outgoing-response.headers") Handle response_fields(Handle);
IMPORT(HTTP, "[constructor]request-options") Handle options_new(void);
IMPORT(HTTP, "[method]request-options.connect-timeout") void options_connect(Handle, void *);
IMPORT(HTTP, "[method]request-options.set-connect-timeout") int options_set_connect(Handle, int, Duration);
IMPORT(HTTP, "[method]request-options.first-byte-timeout") void options_first(Handle, void *);
IMPORT(HTTP, "[method]request-options.set-first-byte-timeout") int options_set_first(Handle, int, Duration);
IMPORT(HTTP, "[method]request-options.between-bytes-timeout") void options_between(Handle, void *);
IMPORT(HTTP, "[method]request-options.set-between-bytes-timeout") int options_set_between(Handle, int, Duration);
IMPORT("wasi:http/outgoing-handler@0.2.0", "handle") void http_handle(Handle, int, Handle, void *);
IMPORT(HTTP, "[method]future-incoming-response.subscribe") Handle future_subscribe(Handle);
IMPORT(HTTP, "[method]future-incoming-response.get") void future_get(Handle, void *);
IMPORT(HTTP, "[method]incoming-response.consume") void response_consume(Handle, void *);
IMPORT(HTTP, "[method]incoming-body.stream") void body_stream(Handle, void *);
IMPORT(HTTP, "[static]incoming-body.finish") Handle body_finish(Handle);
IMPORT(HTTP, "[method]future-trailers.subscribe") Handle trailers_subscribe(Handle);
IMPORT(HTTP, "[method]future-trailers.get") void trailers_get(Handle, void *);

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
  (void)old_size, (void)align;
  return realloc(old, size);
}

/* where results are written; laid out by the canonical ABI */
static union {
  uint8_t u8[128];
  uint16_t u16[64];
  int32_t i32[32];
  int64_t i64[16];
} r;
#define OK (r.u8[0] == 0)
#define SOME (r.u8[0] == 1)
#define SECOND ((Duration)1000000000)
#define TEXT_AT(word, text) (r.i32[(word) + 1] == (int)strlen(text) && memcmp((char *)(intptr_t)r.i32[word], text, strlen(text)) == 0)

static void before_each(const char *name) {
  (void)name;
  memset(&r, 0xff, sizeof r);
}

static void wait_for(Handle pollable) {
  block(pollable);
  pollable_drop(pollable);
}

CASE(there_is_no_initial_directory) {
  initial_cwd(&r);
  CHECK(!SOME);
}
CASE(random_numbers_differ) { CHECK(random_u64() != random_u64()); }
CASE(insecure_numbers_differ) { CHECK(insecure_u64() != insecure_u64()); }
CASE(insecure_bytes_have_their_length) {
  insecure_bytes(1000, &r);
  CHECK(r.i32[1] == 1000);
  insecure_bytes(0, &r);
  CHECK(r.i32[1] == 0);
}
CASE(seeds_differ) {
  insecure_seed(&r);
  int64_t first = r.i64[0];
  CHECK(r.i64[0] != r.i64[1]);
  insecure_seed(&r);
  CHECK(r.i64[0] != first);
}
CASE(clock_has_a_resolution) { CHECK(resolution() >= 1 && resolution() < SECOND); }
CASE(instant_in_the_past_is_ready) {
  Handle past = at_instant(now() - 1);
  CHECK(ready(past) == 1);
  wait_for(past);
}
CASE(instant_in_the_future_is_not_ready_yet) {
  Handle future = at_instant(now() + 3600 * SECOND);
  CHECK(ready(future) == 0);
  pollable_drop(future);
}
CASE(instant_beyond_all_time_is_never) {
  Handle never = at_instant(-1);
  CHECK(ready(never) == 0);
  pollable_drop(never);
}
CASE(duration_passes) {
  int64_t began = now();
  wait_for(after(2000000));
  CHECK(now() - began >= 2000000);
}
CASE(duration_of_nothing_is_ready) {
  Handle none = after(0);
  CHECK(ready(none) == 1);
  pollable_drop(none);
}
CASE(poll_gives_those_that_are_ready) {
  Handle list[3] = {after(3600 * SECOND), after(0), after(1000)};
  poll_list(list, 3, &r);
  const int32_t *found = (int32_t *)(intptr_t)r.i32[0];
  CHECK(r.i32[1] >= 1 && r.i32[1] <= 2 && found[0] == 1);
  for (int at = 0; at < 3; at++) pollable_drop(list[at]);
}
CASE(poll_waits_for_the_first) {
  Handle list[2] = {after(3600 * SECOND), after(5000000)};
  int64_t began = now();
  poll_list(list, 2, &r);
  CHECK(r.i32[1] == 1 && *(int32_t *)(intptr_t)r.i32[0] == 1 && now() - began >= 5000000);
  for (int at = 0; at < 2; at++) pollable_drop(list[at]);
}
CASE(poll_of_one_twice) {
  Handle one = after(0), list[2] = {one, one};
  poll_list(list, 2, &r);
  CHECK(r.i32[1] == 2);
  pollable_drop(one);
}

static Handle root(void) {
  directories(&r);
  return r.i32[1] < 1 ? -1 : *(Handle *)(intptr_t)r.i32[0];
}
/* flags: 1 create, 8 truncate; rights: 1 read, 2 write. The descriptor, or -1 */
static Handle opened(const char *path, int flags, int rights) {
  open_at(root(), 1, path, strlen(path), flags, rights, &r);
  return r.u8[0] == 0 ? r.i32[1] : -1;
}
static int told(const char *path, const char *text) {
  Handle file = opened(path, 0, 1);
  read_stream(file, 0, &r);
  in_blocking_read(r.i32[1], 1000, &r);
  return OK && TEXT_AT(1, text);
}

CASE(same_object_by_two_descriptors) {
  Handle one = opened("file", 0, 1), two = opened("file", 0, 1), other = opened("other", 1, 2);
  CHECK(one >= 0 && two >= 0 && other >= 0);
  CHECK(same_object(one, two) == 1 && same_object(one, one) == 1 && same_object(one, other) == 0 && same_object(root(), one) == 0);
}
CASE(stream_begins_at_an_offset) {
  Handle file = opened("file", 0, 1);
  read_stream(file, 2, &r);
  Handle stream = r.i32[1];
  in_read(stream, 3, &r);
  CHECK(OK && TEXT_AT(1, "xt "));
  in_skip(stream, 3, &r);
  CHECK(OK && r.i64[1] == 3);
  in_read(stream, 100, &r);
  CHECK(OK && TEXT_AT(1, "the file"));
  in_read(stream, 100, &r);
  CHECK(r.u8[0] == 1 && r.u8[4] == 1);
}
CASE(stream_outlives_its_descriptor) {
  Handle file = opened("file", 0, 1);
  read_stream(file, 0, &r);
  Handle stream = r.i32[1];
  descriptor_drop(file);
  in_read(stream, 4, &r);
  CHECK(OK && TEXT_AT(1, "text"));
  in_drop(stream);
}
CASE(output_outlives_its_descriptor) {
  Handle file = opened("zeroes", 9, 2);
  write_stream(file, 1, &r);
  Handle stream = r.i32[1];
  descriptor_drop(file);
  out_blocking_zeroes(stream, 2, &r);
  CHECK(OK);
  out_drop(stream);
  Handle again = opened("zeroes", 0, 1);
  read_stream(again, 0, &r);
  in_blocking_read(r.i32[1], 100, &r);
  CHECK(OK && r.i32[2] == 3 && memcmp((char *)(intptr_t)r.i32[1], "\0\0\0", 3) == 0);
}
CASE(zeroes_within_the_permit) {
  Handle file = opened("zeroes", 9, 2);
  write_stream(file, 0, &r);
  Handle stream = r.i32[1];
  out_check_write(stream, &r);
  CHECK(OK && r.i64[1] > 0);
  out_zeroes(stream, 1, &r);
  CHECK(OK);
  out_flush(stream, &r);
  CHECK(OK);
}
CASE(splice_moves_bytes) {
  Handle from = opened("file", 0, 1), to = opened("spliced", 9, 2);
  read_stream(from, 0, &r);
  Handle in = r.i32[1];
  append_stream(to, &r);
  Handle out = r.i32[1];
  out_splice(out, in, 4, &r);
  CHECK(OK && r.i64[1] == 4);
  out_splice(out, in, 100, &r);
  CHECK(OK && r.i64[1] == 12);
  out_splice(out, in, 100, &r);
  CHECK(r.u8[0] == 1);
  CHECK(told("spliced", "text of the file"));
}
CASE(write_stream_without_the_right_is_refused) {
  write_stream(opened("file", 0, 1), 0, &r);
  CHECK(!OK);
}
CASE(read_stream_of_a_directory_is_refused) {
  read_stream(root(), 0, &r);
  CHECK(!OK);
}

static Handle tcp(int family) {
  create_tcp(family, &r);
  return OK ? r.i32[1] : -1;
}
CASE(tcp_families) { CHECK(tcp_family(tcp(0)) == 0 && tcp_family(tcp(1)) == 1); }
CASE(tcp_keep_alive_times) {
  Handle socket = tcp(0);
  tcp_set_idle(socket, 9 * SECOND, &r);
  CHECK(OK);
  tcp_idle(socket, &r);
  CHECK(OK && r.i64[1] == 9 * SECOND);
  tcp_set_interval(socket, 3 * SECOND, &r);
  CHECK(OK);
  tcp_interval(socket, &r);
  CHECK(OK && r.i64[1] == 3 * SECOND);
  tcp_set_count(socket, 4, &r);
  CHECK(OK);
  tcp_count(socket, &r);
  CHECK(OK && r.i32[1] == 4);
}
CASE(tcp_keep_alive_of_nothing_is_invalid) {
  Handle socket = tcp(0);
  tcp_set_idle(socket, 0, &r);
  CHECK(!OK && r.u8[1] == 3);
  tcp_set_interval(socket, 0, &r);
  CHECK(!OK && r.u8[1] == 3);
  tcp_set_count(socket, 0, &r);
  CHECK(!OK && r.u8[1] == 3);
}
CASE(tcp_buffer_sizes) {
  Handle socket = tcp(0);
  tcp_set_receive_size(socket, 65536, &r);
  CHECK(OK);
  tcp_receive_size(socket, &r);
  CHECK(OK && r.i64[1] > 0);
  tcp_set_send_size(socket, 65536, &r);
  CHECK(OK);
  tcp_send_size(socket, &r);
  CHECK(OK && r.i64[1] > 0);
  tcp_set_send_size(socket, 0, &r);
  CHECK(!OK && r.u8[1] == 3);
  tcp_set_receive_size(socket, 0, &r);
  CHECK(!OK && r.u8[1] == 3);
}
static Handle udp(int family) {
  create_udp(family, &r);
  return OK ? r.i32[1] : -1;
}
CASE(udp_families) { CHECK(udp_family(udp(0)) == 0 && udp_family(udp(1)) == 1); }
CASE(udp_options) {
  Handle socket = udp(0);
  udp_set_hops(socket, 7, &r);
  CHECK(OK);
  udp_hops(socket, &r);
  CHECK(OK && r.u8[1] == 7);
  udp_set_hops(socket, 0, &r);
  CHECK(!OK && r.u8[1] == 3);
  udp_set_receive_size(socket, 65536, &r);
  CHECK(OK);
  udp_receive_size(socket, &r);
  CHECK(OK && r.i64[1] > 0);
  udp_set_send_size(socket, 65536, &r);
  CHECK(OK);
  udp_send_size(socket, &r);
  CHECK(OK && r.i64[1] > 0);
  udp_set_send_size(socket, 0, &r);
  CHECK(!OK && r.u8[1] == 3);
}
CASE(udp_remote_address_when_connected) {
  Handle socket = udp(0);
  udp_remote(socket, &r);
  CHECK(!OK);
  udp_start_bind(socket, instance_network(), ANY, &r);
  CHECK(OK);
  wait_for(udp_subscribe(socket));
  udp_finish_bind(socket, &r);
  CHECK(OK);
  udp_stream(socket, 1, LOOPBACK(atoi(getenv("UDP_ECHO"))), &r);
  CHECK(OK);
  Handle out = r.i32[2];
  wait_for(udp_out_subscribe(out));
  udp_remote(socket, &r);
  CHECK(OK && r.u8[4] == 0 && r.u16[4] == atoi(getenv("UDP_ECHO")));
}

CASE(fields_from_a_list) {
  const struct { const char *name; int name_length; const char *value; int length; } list[3] = {{"a", 1, "1", 1}, {"b", 1, "2", 1}, {"A", 1, "3", 1}};
  fields_from(list, 3, &r);
  CHECK(OK);
  Handle fields = r.i32[1];
  CHECK(fields_has(fields, "A", 1) == 1 && fields_has(fields, "c", 1) == 0);
  fields_get(fields, "a", 1, &r);
  CHECK(r.i32[1] == 2);
  fields_entries(fields, &r);
  CHECK(r.i32[1] == 3);
}
CASE(fields_with_a_bad_name_are_refused) {
  const struct { const char *name; int name_length; const char *value; int length; } list[1] = {{"a b", 3, "1", 1}};
  fields_from(list, 1, &r);
  CHECK(!OK && r.u8[4] == 0);
}
CASE(fields_are_set_and_deleted) {
  Handle fields = fields_new();
  const struct { const char *value; int length; } values[2] = {{"1", 1}, {"22", 2}};
  fields_set(fields, "name", 4, values, 2, &r);
  CHECK(OK);
  fields_set(fields, "Name", 4, values, 1, &r);
  CHECK(OK);
  fields_get(fields, "NAME", 4, &r);
  CHECK(r.i32[1] == 1);
  fields_delete(fields, "name", 4, &r);
  CHECK(OK && fields_has(fields, "name", 4) == 0);
}
CASE(fields_clones_are_apart) {
  Handle fields = fields_new();
  fields_append(fields, "a", 1, "1", 1, &r);
  Handle clone = fields_clone(fields);
  fields_append(clone, "b", 1, "2", 1, &r);
  CHECK(OK && fields_has(clone, "a", 1) == 1 && fields_has(fields, "b", 1) == 0);
}
CASE(fields_of_a_request_are_immutable) {
  Handle headers = request_headers(request_new(fields_new()));
  fields_append(headers, "a", 1, "1", 1, &r);
  CHECK(!OK && r.u8[1] == 2);
  fields_drop(headers);
}
CASE(request_says_what_was_set) {
  Handle request = request_new(fields_new());
  request_method(request, &r);
  CHECK(r.u8[0] == 0);
  CHECK(request_set_method(request, 9, "BREW", 4) == 0);
  request_method(request, &r);
  CHECK(r.u8[0] == 9 && TEXT_AT(1, "BREW"));
  request_path(request, &r);
  CHECK(!SOME);
  CHECK(request_set_path(request, 1, "/a?b=c", 6) == 0);
  request_path(request, &r);
  CHECK(SOME && TEXT_AT(1, "/a?b=c"));
  CHECK(request_set_scheme(request, 1, 1, NULL, 0) == 0);
  request_scheme(request, &r);
  CHECK(SOME && r.u8[4] == 1);
  CHECK(request_set_authority(request, 1, "example.com", 11) == 0);
  request_authority(request, &r);
  CHECK(SOME && TEXT_AT(1, "example.com"));
}
CASE(request_refuses_nonsense) {
  Handle request = request_new(fields_new());
  CHECK(request_set_method(request, 9, "A B", 3) == 1);
  CHECK(request_set_path(request, 1, "/a b", 4) == 1);
  CHECK(request_set_authority(request, 1, "a b", 3) == 1);
}
CASE(response_says_what_was_set) {
  Handle response = response_new(fields_new());
  CHECK(response_code(response) == 200);
  CHECK(response_set_code(response, 418) == 0 && response_code(response) == 418);
  CHECK(response_set_code(response, 99) == 1 && response_set_code(response, 1000) == 1 && response_code(response) == 418);
  fields_append(response_fields(response), "a", 1, "1", 1, &r);
  CHECK(!OK);
}
CASE(options_say_what_was_set) {
  Handle options = options_new();
  options_connect(options, &r);
  CHECK(!SOME);
  CHECK(options_set_connect(options, 1, SECOND) == 0 && options_set_first(options, 1, 2 * SECOND) == 0 && options_set_between(options, 1, 3 * SECOND) == 0);
  options_connect(options, &r);
  CHECK(SOME && r.i64[1] == SECOND);
  options_first(options, &r);
  CHECK(SOME && r.i64[1] == 2 * SECOND);
  options_between(options, &r);
  CHECK(SOME && r.i64[1] == 3 * SECOND);
  CHECK(options_set_connect(options, 0, 0) == 0);
  options_connect(options, &r);
  CHECK(!SOME);
}

/* the response to GET `path`, or -1 */
static Handle asked(const char *path) {
  static char authority[64];
  Handle request = request_new(fields_new());
  snprintf(authority, sizeof authority, "127.0.0.1:%s", getenv("HTTP"));
  request_set_scheme(request, 1, 0, NULL, 0);
  request_set_authority(request, 1, authority, strlen(authority));
  request_set_path(request, 1, path, strlen(path));
  http_handle(request, 0, 0, &r);
  if (!OK) return -1;
  Handle future = r.i32[2];
  wait_for(future_subscribe(future));
  future_get(future, &r);
  return r.u8[0] == 1 && r.u8[8] == 0 && r.u8[16] == 0 ? r.i32[6] : -1;
}
CASE(trailers_follow_the_body) {
  Handle response = asked("/trailers");
  CHECK(response >= 0);
  response_consume(response, &r);
  CHECK(OK);
  Handle body = r.i32[1];
  body_stream(body, &r);
  Handle stream = r.i32[1];
  do in_blocking_read(stream, 100, &r);
  while (OK);
  in_drop(stream);
  Handle future = body_finish(body);
  wait_for(trailers_subscribe(future));
  trailers_get(future, &r);
  CHECK(r.u8[0] == 1 && r.u8[8] == 0 && r.u8[16] == 0);
}
CASE(error_of_a_cut_off_body_says_what_it_was) {
  Handle response = asked("/half");
  CHECK(response >= 0);
  response_consume(response, &r);
  body_stream(r.i32[1], &r);
  Handle stream = r.i32[1];
  do in_blocking_read(stream, 100, &r);
  while (OK);
  CHECK(r.u8[4] == 0);
  Handle error = r.i32[2];
  debug_string(error, &r);
  CHECK(r.i32[1] > 0);
  http_error(error, &r);
  CHECK(SOME);
  file_error(error, &r);
  CHECK(!SOME);
}
