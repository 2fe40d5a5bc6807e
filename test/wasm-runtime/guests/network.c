/*
 * The network as WASI 0.2 gives it, called through the canonical ABI by hand: sockets, name lookup, outgoing HTTP.
 * The test says in the environment where its servers are: TCP_ECHO, UDP_ECHO, HTTP (ports of 127.0.0.1), CLOSED (nobody
 * listens, but granted), DENIED (somebody listens, not granted), LISTEN (granted to listen on).
 */
#include "cases.h"

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name))) extern
#define TCP "wasi:sockets/tcp@0.2.0"
#define UDP "wasi:sockets/udp@0.2.0"
#define HTTP "wasi:http/types@0.2.0"
#define STREAMS "wasi:io/streams@0.2.0"

typedef int32_t Handle;
/* an address in flat form: the first word is the tag */
#define ADDRESS_PARAMS int tag, int port, int a, int b, int c, int d, int e, int f, int g, int h, int i, int j
#define V4(port, a, b, c, d) 0, port, a, b, c, d, 0, 0, 0, 0, 0, 0
#define LOOPBACK(port) V4(port, 127, 0, 0, 1)
#define V6(port, g0, g1, g2, g3, g4, g5, g6, g7) 1, port, 0, g0, g1, g2, g3, g4, g5, g6, g7, 0

IMPORT("wasi:sockets/instance-network@0.2.0", "instance-network") Handle instance_network(void);
IMPORT("wasi:sockets/ip-name-lookup@0.2.0", "resolve-addresses") void resolve_addresses(Handle, const char *, int, void *);
IMPORT("wasi:sockets/ip-name-lookup@0.2.0", "[method]resolve-address-stream.resolve-next-address") void resolve_next(Handle, void *);
IMPORT("wasi:sockets/ip-name-lookup@0.2.0", "[method]resolve-address-stream.subscribe") Handle resolve_subscribe(Handle);
IMPORT("wasi:sockets/tcp-create-socket@0.2.0", "create-tcp-socket") void create_tcp(int, void *);
IMPORT(TCP, "[method]tcp-socket.start-bind") void tcp_start_bind(Handle, Handle, ADDRESS_PARAMS, void *);
IMPORT(TCP, "[method]tcp-socket.finish-bind") void tcp_finish_bind(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.start-connect") void tcp_start_connect(Handle, Handle, ADDRESS_PARAMS, void *);
IMPORT(TCP, "[method]tcp-socket.finish-connect") void tcp_finish_connect(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.start-listen") void tcp_start_listen(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.finish-listen") void tcp_finish_listen(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.accept") void tcp_accept(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.local-address") void tcp_local(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.remote-address") void tcp_remote(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.is-listening") int tcp_is_listening(Handle);
IMPORT(TCP, "[method]tcp-socket.set-keep-alive-enabled") void tcp_set_keep_alive(Handle, int, void *);
IMPORT(TCP, "[method]tcp-socket.keep-alive-enabled") void tcp_keep_alive(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.set-hop-limit") void tcp_set_hops(Handle, int, void *);
IMPORT(TCP, "[method]tcp-socket.hop-limit") void tcp_hops(Handle, void *);
IMPORT(TCP, "[method]tcp-socket.set-listen-backlog-size") void tcp_set_backlog(Handle, int64_t, void *);
IMPORT(TCP, "[method]tcp-socket.subscribe") Handle tcp_subscribe(Handle);
IMPORT(TCP, "[method]tcp-socket.shutdown") void tcp_shutdown(Handle, int, void *);
IMPORT(TCP, "[resource-drop]tcp-socket") void tcp_drop(Handle);
IMPORT("wasi:sockets/udp-create-socket@0.2.0", "create-udp-socket") void create_udp(int, void *);
IMPORT(UDP, "[method]udp-socket.start-bind") void udp_start_bind(Handle, Handle, ADDRESS_PARAMS, void *);
IMPORT(UDP, "[method]udp-socket.finish-bind") void udp_finish_bind(Handle, void *);
IMPORT(UDP, "[method]udp-socket.stream") void udp_stream(Handle, int some, ADDRESS_PARAMS, void *);
IMPORT(UDP, "[method]udp-socket.local-address") void udp_local(Handle, void *);
IMPORT(UDP, "[method]udp-socket.subscribe") Handle udp_subscribe(Handle);
IMPORT(UDP, "[method]incoming-datagram-stream.receive") void udp_receive(Handle, int64_t, void *);
IMPORT(UDP, "[method]incoming-datagram-stream.subscribe") Handle udp_in_subscribe(Handle);
IMPORT(UDP, "[method]outgoing-datagram-stream.check-send") void udp_check_send(Handle, void *);
IMPORT(UDP, "[method]outgoing-datagram-stream.send") void udp_send(Handle, const void *, int, void *);
IMPORT("wasi:io/poll@0.2.0", "[method]pollable.block") void block(Handle);
IMPORT("wasi:io/poll@0.2.0", "[method]pollable.ready") int ready(Handle);
IMPORT("wasi:io/poll@0.2.0", "[resource-drop]pollable") void pollable_drop(Handle);
IMPORT(STREAMS, "[method]input-stream.read") void in_read(Handle, int64_t, void *);
IMPORT(STREAMS, "[method]input-stream.blocking-read") void in_blocking_read(Handle, int64_t, void *);
IMPORT(STREAMS, "[method]input-stream.blocking-skip") void in_blocking_skip(Handle, int64_t, void *);
IMPORT(STREAMS, "[method]input-stream.subscribe") Handle in_subscribe(Handle);
IMPORT(STREAMS, "[resource-drop]input-stream") void in_drop(Handle);
IMPORT(STREAMS, "[method]output-stream.check-write") void out_check_write(Handle, void *);
IMPORT(STREAMS, "[method]output-stream.write") void out_write(Handle, const void *, int, void *);
IMPORT(STREAMS, "[method]output-stream.blocking-write-and-flush") void out_write_and_flush(Handle, const void *, int, void *);
IMPORT(STREAMS, "[method]output-stream.blocking-flush") void out_flush(Handle, void *);
IMPORT(STREAMS, "[method]output-stream.blocking-splice") void out_splice(Handle, Handle, int64_t, void *);
IMPORT(STREAMS, "[resource-drop]output-stream") void out_drop(Handle);
IMPORT(HTTP, "[constructor]fields") Handle fields_new(void);
IMPORT(HTTP, "[method]fields.get") void fields_get(Handle, const char *, int, void *);
IMPORT(HTTP, "[method]fields.append") void fields_append(Handle, const char *, int, const char *, int, void *);
IMPORT(HTTP, "[constructor]outgoing-request") Handle request_new(Handle);
IMPORT(HTTP, "[method]outgoing-request.body") void request_body(Handle, void *);
IMPORT(HTTP, "[method]outgoing-request.set-method") int request_method(Handle, int, const char *, int);
IMPORT(HTTP, "[method]outgoing-request.set-path-with-query") int request_path(Handle, int, const char *, int);
IMPORT(HTTP, "[method]outgoing-request.set-scheme") int request_scheme(Handle, int, int, const char *, int);
IMPORT(HTTP, "[method]outgoing-request.set-authority") int request_authority(Handle, int, const char *, int);
IMPORT(HTTP, "[constructor]request-options") Handle options_new(void);
IMPORT(HTTP, "[method]request-options.set-first-byte-timeout") int options_first_byte(Handle, int, int64_t);
IMPORT(HTTP, "[method]incoming-response.status") int response_status(Handle);
IMPORT(HTTP, "[method]incoming-response.headers") Handle response_headers(Handle);
IMPORT(HTTP, "[method]incoming-response.consume") void response_consume(Handle, void *);
IMPORT(HTTP, "[resource-drop]incoming-response") void response_drop(Handle);
IMPORT(HTTP, "[method]incoming-body.stream") void body_stream(Handle, void *);
IMPORT(HTTP, "[resource-drop]incoming-body") void body_drop(Handle);
IMPORT(HTTP, "[method]outgoing-body.write") void body_write(Handle, void *);
IMPORT(HTTP, "[static]outgoing-body.finish") void body_finish(Handle, int, Handle, void *);
IMPORT(HTTP, "[method]future-incoming-response.subscribe") Handle future_subscribe(Handle);
IMPORT(HTTP, "[method]future-incoming-response.get") void future_get(Handle, void *);
IMPORT("wasi:http/outgoing-handler@0.2.0", "handle") void http_handle(Handle, int, Handle, void *);

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
  (void)old_size, (void)align;
  return realloc(old, size);
}

enum { unknown, access_denied, not_supported, invalid_argument, out_of_memory, timed_out, concurrency_conflict, not_in_progress, would_block, invalid_state,
  socket_limit, not_bindable, in_use, unreachable, refused, reset_, aborted, too_large, unresolvable };

/* where results are written; laid out by the canonical ABI */
static union {
  uint8_t u8[128];
  uint16_t u16[64];
  int32_t i32[32];
  int64_t i64[16];
} r;
static char text[1 << 16];

static Handle network;
static void before_each(const char *name) {
  (void)name;
  if (network == 0) network = instance_network();
}

static int port(const char *name) { return atoi(getenv(name)); }

static void wait_for(Handle pollable) {
  block(pollable);
  pollable_drop(pollable);
}

static Handle tcp(void) {
  create_tcp(0, &r);
  return r.u8[0] == 0 ? r.i32[1] : -1;
}

static Handle input, output;

/* 0, or 1 + the error */
static int connect_to(Handle socket, int to) {
  tcp_start_connect(socket, network, LOOPBACK(to), &r);
  if (r.u8[0] != 0) return 1 + r.u8[1];
  wait_for(tcp_subscribe(socket));
  tcp_finish_connect(socket, &r);
  if (r.u8[0] != 0) return 1 + r.u8[4];
  input = r.i32[1];
  output = r.i32[2];
  return 0;
}

static int say(const char *what, int length) {
  out_write_and_flush(output, what, length, &r);
  return r.u8[0];
}

/* bytes read into `text`, -1 at the end */
static int hear(int64_t most) {
  in_blocking_read(input, most, &r);
  if (r.u8[0] != 0) return -1;
  int length = r.i32[2];
  char *bytes = (char *)(intptr_t)r.i32[1];
  memcpy(text, bytes, length);
  text[length] = 0;
  if (length > 0) free(bytes);
  return length;
}

static void hang_up(Handle socket) {
  in_drop(input);
  out_drop(output);
  tcp_drop(socket);
}

CASE(tcp_echo) {
  Handle socket = tcp();
  CHECK(socket != -1 && connect_to(socket, port("TCP_ECHO")) == 0);
  CHECK(say("hello", 5) == 0);
  CHECK(hear(100) == 5 && memcmp(text, "hello", 5) == 0);
  hang_up(socket);
}
CASE(tcp_large) {
  Handle socket = tcp();
  CHECK(connect_to(socket, port("TCP_ECHO")) == 0);
  static char block_[50000];
  long sent = 0, heard = 0;
  for (int round = 0; round < 20; round++) {
    memset(block_, 'a' + round, sizeof block_);
    CHECK(say(block_, sizeof block_) == 0);
    sent += sizeof block_;
    while (heard < sent) {
      int count = hear(60000);
      CHECK(count > 0 && text[0] == 'a' + round);
      heard += count;
    }
  }
  hang_up(socket);
}
CASE(tcp_read_without_waiting) {
  Handle socket = tcp();
  CHECK(connect_to(socket, port("TCP_ECHO")) == 0);
  in_read(input, 10, &r);
  CHECK(r.u8[0] == 0 && r.i32[2] == 0);
  CHECK(say("x", 1) == 0);
  wait_for(in_subscribe(input));
  in_read(input, 10, &r);
  CHECK(r.u8[0] == 0 && r.i32[2] == 1);
  hang_up(socket);
}
CASE(tcp_skip_and_splice) {
  Handle socket = tcp();
  CHECK(connect_to(socket, port("TCP_ECHO")) == 0);
  CHECK(say("0123456789", 10) == 0);
  in_blocking_skip(input, 4, &r);
  CHECK(r.u8[0] == 0 && r.i64[1] >= 1 && r.i64[1] <= 4);
  out_splice(output, input, 100, &r);
  CHECK(r.u8[0] == 0 && r.i64[1] > 0);
  CHECK(hear(100) > 0);
  hang_up(socket);
}
CASE(tcp_check_write_permits) {
  Handle socket = tcp();
  CHECK(connect_to(socket, port("TCP_ECHO")) == 0);
  out_check_write(output, &r);
  CHECK(r.u8[0] == 0 && r.i64[1] >= 4096);
  out_write(output, "abc", 3, &r);
  CHECK(r.u8[0] == 0);
  out_flush(output, &r);
  CHECK(r.u8[0] == 0 && hear(3) == 3);
  hang_up(socket);
}
CASE(tcp_shutdown_ends_both_ways) {
  Handle socket = tcp();
  CHECK(connect_to(socket, port("TCP_ECHO")) == 0);
  CHECK(say("bye", 3) == 0);
  tcp_shutdown(socket, 1, &r);
  CHECK(r.u8[0] == 0);
  CHECK(hear(100) == 3);
  CHECK(hear(100) == -1);
  CHECK(say("more", 4) == 1);
  hang_up(socket);
}
CASE(tcp_addresses) {
  Handle socket = tcp();
  CHECK(connect_to(socket, port("TCP_ECHO")) == 0);
  tcp_remote(socket, &r);
  CHECK(r.u8[0] == 0 && r.u8[4] == 0 && r.u16[4] == port("TCP_ECHO") && r.u8[10] == 127 && r.u8[13] == 1);
  tcp_local(socket, &r);
  CHECK(r.u8[0] == 0 && r.u16[4] != 0 && r.u8[10] == 127);
  hang_up(socket);
}
CASE(tcp_options_are_kept) {
  Handle socket = tcp();
  tcp_set_keep_alive(socket, 1, &r);
  CHECK(r.u8[0] == 0);
  tcp_keep_alive(socket, &r);
  CHECK(r.u8[0] == 0 && r.u8[1] == 1);
  tcp_set_hops(socket, 0, &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == invalid_argument);
  tcp_set_hops(socket, 9, &r);
  tcp_hops(socket, &r);
  CHECK(r.u8[0] == 0 && r.u8[1] == 9);
  tcp_drop(socket);
}
CASE(tcp_refused) {
  Handle socket = tcp();
  CHECK(connect_to(socket, port("CLOSED")) == 1 + refused);
  tcp_drop(socket);
}
CASE(tcp_not_granted_port) {
  Handle socket = tcp();
  CHECK(connect_to(socket, port("DENIED")) == 1 + access_denied);
  tcp_drop(socket);
}
CASE(tcp_not_granted_address) {
  Handle socket = tcp();
  tcp_start_connect(socket, network, V4(port("TCP_ECHO"), 127, 0, 0, 2), &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == access_denied);
  tcp_drop(socket);
}
CASE(tcp_metadata_address) {
  Handle socket = tcp();
  tcp_start_connect(socket, network, V4(80, 169, 254, 169, 254), &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == access_denied);
  tcp_drop(socket);
}
CASE(tcp_any_address) {
  Handle socket = tcp();
  tcp_start_connect(socket, network, V4(port("TCP_ECHO"), 0, 0, 0, 0), &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == invalid_argument);
  tcp_drop(socket);
}
CASE(tcp_port_zero) {
  Handle socket = tcp();
  tcp_start_connect(socket, network, LOOPBACK(0), &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == invalid_argument);
  tcp_drop(socket);
}
CASE(tcp_mapped_address) {
  create_tcp(1, &r);
  CHECK(r.u8[0] == 0);
  Handle socket = r.i32[1];
  tcp_start_connect(socket, network, V6(port("DENIED"), 0, 0, 0, 0, 0, 0xffff, 0x7f00, 1), &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == invalid_argument);
  tcp_start_connect(socket, network, V6(port("DENIED"), 0, 0, 0, 0, 0, 0, 0, 1), &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == access_denied);
  tcp_drop(socket);
}
CASE(tcp_wrong_family) {
  Handle socket = tcp();
  tcp_start_connect(socket, network, V6(80, 0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == invalid_argument);
  tcp_drop(socket);
}
CASE(tcp_states) {
  Handle socket = tcp();
  tcp_finish_connect(socket, &r);
  CHECK(r.u8[0] == 1 && r.u8[4] == not_in_progress);
  tcp_finish_bind(socket, &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == not_in_progress);
  tcp_start_listen(socket, &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == invalid_state);
  tcp_accept(socket, &r);
  CHECK(r.u8[0] == 1 && r.u8[4] == invalid_state);
  tcp_remote(socket, &r);
  CHECK(r.u8[0] == 1 && r.u8[4] == invalid_state);
  tcp_shutdown(socket, 2, &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == invalid_state);
  tcp_drop(socket);
}
CASE(tcp_drop_in_the_middle) {
  for (int round = 0; round < 20; round++) {
    Handle socket = tcp();
    CHECK(connect_to(socket, port("TCP_ECHO")) == 0);
    CHECK(say("unread", 6) == 0);
    hang_up(socket);
  }
}
CASE(tcp_too_many) {
  static Handle sockets[400];
  int count = 0, error = -1;
  while (count < 400) {
    sockets[count] = tcp();
    CHECK(sockets[count] != -1);
    tcp_start_connect(sockets[count], network, LOOPBACK(port("CLOSED")), &r);
    count++;
    if (r.u8[0] != 0) {
      error = r.u8[1];
      break;
    }
  }
  for (int at = 0; at < count; at++) tcp_drop(sockets[at]);
  CHECK(error == socket_limit);
}
CASE(tcp_listen_and_connect_to_itself) {
  Handle server = tcp();
  tcp_start_bind(server, network, LOOPBACK(port("LISTEN")), &r);
  CHECK(r.u8[0] == 0);
  tcp_finish_bind(server, &r);
  CHECK(r.u8[0] == 0);
  tcp_set_backlog(server, 10, &r);
  tcp_start_listen(server, &r);
  CHECK(r.u8[0] == 0);
  wait_for(tcp_subscribe(server));
  tcp_finish_listen(server, &r);
  CHECK(r.u8[0] == 0 && tcp_is_listening(server) == 1);
  tcp_accept(server, &r);
  CHECK(r.u8[0] == 1 && r.u8[4] == would_block);
  Handle client = tcp();
  CHECK(connect_to(client, port("LISTEN")) == 0);
  CHECK(say("ping", 4) == 0);
  Handle client_in = input, client_out = output;
  wait_for(tcp_subscribe(server));
  tcp_accept(server, &r);
  CHECK(r.u8[0] == 0);
  Handle peer = r.i32[1];
  input = r.i32[2];
  output = r.i32[3];
  CHECK(hear(10) == 4 && memcmp(text, "ping", 4) == 0);
  CHECK(say("pong", 4) == 0);
  hang_up(peer);
  input = client_in;
  output = client_out;
  CHECK(hear(10) == 4 && memcmp(text, "pong", 4) == 0);
  CHECK(hear(10) == -1);
  hang_up(client);
  tcp_drop(server);
}
CASE(tcp_listen_not_granted) {
  Handle server = tcp();
  tcp_start_bind(server, network, LOOPBACK(8), &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == access_denied);
  tcp_start_bind(server, network, V4(port("LISTEN"), 8, 8, 8, 8), &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == not_bindable);
  tcp_start_bind(server, network, LOOPBACK(0), &r);
  CHECK(r.u8[0] == 0);
  tcp_finish_bind(server, &r);
  tcp_start_listen(server, &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == access_denied);
  tcp_drop(server);
}

/* one datagram to `to`: 0, or 1 + the error */
static int send_to(Handle stream, const char *what, int length, int some, int to) {
  struct { const char *data; int length; int some; int tag; uint16_t port; uint8_t a[4]; uint8_t rest[24]; } datagram = {what, length, some, 0, to, {127, 0, 0, 1}, {0}};
  _Static_assert(sizeof datagram >= 44, "layout");
  udp_check_send(stream, &r);
  if (r.u8[0] != 0) return 1 + r.u8[8];
  udp_send(stream, &datagram, 1, &r);
  return r.u8[0] == 0 ? 0 : 1 + r.u8[8];
}
static Handle udp(void) {
  create_udp(0, &r);
  return r.u8[0] == 0 ? r.i32[1] : -1;
}

CASE(udp_echo) {
  Handle socket = udp();
  udp_start_bind(socket, network, V4(0, 0, 0, 0, 0), &r);
  CHECK(r.u8[0] == 0);
  wait_for(udp_subscribe(socket));
  udp_finish_bind(socket, &r);
  CHECK(r.u8[0] == 0);
  udp_local(socket, &r);
  CHECK(r.u8[0] == 0 && r.u16[4] != 0);
  udp_stream(socket, 0, V4(0, 0, 0, 0, 0), &r);
  CHECK(r.u8[0] == 0);
  Handle in = r.i32[1], out = r.i32[2];
  CHECK(send_to(out, "datagram", 8, 1, port("UDP_ECHO")) == 0);
  wait_for(udp_in_subscribe(in));
  udp_receive(in, 10, &r);
  CHECK(r.u8[0] == 0 && r.i32[2] == 1);
  int32_t *first = (int32_t *)(intptr_t)r.i32[1];
  CHECK(first[1] == 8 && memcmp((char *)(intptr_t)first[0], "datagram", 8) == 0);
  CHECK(((uint16_t *)first)[6] == port("UDP_ECHO"));
}
CASE(udp_connected) {
  Handle socket = udp();
  udp_stream(socket, 1, LOOPBACK(port("UDP_ECHO")), &r);
  CHECK(r.u8[0] == 0);
  Handle in = r.i32[1], out = r.i32[2];
  CHECK(send_to(out, "one", 3, 0, 0) == 0);
  wait_for(udp_in_subscribe(in));
  udp_receive(in, 1, &r);
  CHECK(r.u8[0] == 0 && r.i32[2] == 1);
  CHECK(send_to(out, "x", 1, 1, port("DENIED")) == 1 + access_denied);
}
CASE(udp_not_granted) {
  Handle socket = udp();
  udp_stream(socket, 1, LOOPBACK(port("DENIED")), &r);
  CHECK(r.u8[0] == 1 && r.u8[4] == access_denied);
  udp_stream(socket, 0, V4(0, 0, 0, 0, 0), &r);
  CHECK(r.u8[0] == 0);
  CHECK(send_to(r.i32[2], "x", 1, 1, port("DENIED")) == 1 + access_denied);
}
CASE(udp_too_large) {
  Handle socket = udp();
  udp_stream(socket, 1, LOOPBACK(port("UDP_ECHO")), &r);
  CHECK(r.u8[0] == 0);
  CHECK(send_to(r.i32[2], text, 65530, 0, 0) == 1 + too_large);
}
CASE(udp_no_target) {
  Handle socket = udp();
  udp_stream(socket, 0, V4(0, 0, 0, 0, 0), &r);
  CHECK(r.u8[0] == 0);
  CHECK(send_to(r.i32[2], "x", 1, 0, 0) == 1 + invalid_argument);
}
CASE(udp_listen_not_granted) {
  Handle socket = udp();
  udp_start_bind(socket, network, LOOPBACK(53), &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == access_denied);
}

static int lookup(const char *name) {
  resolve_addresses(network, name, strlen(name), &r);
  return r.u8[0] == 0 ? r.i32[1] : -1 - r.u8[4];
}
CASE(lookup_granted_name) {
  Handle found = lookup("localhost");
  CHECK(found >= 0);
  wait_for(resolve_subscribe(found));
  bool loopback = false;
  for (;;) {
    resolve_next(found, &r);
    CHECK(r.u8[0] == 0);
    if (r.u8[2] == 0) break;
    loopback |= r.u8[4] == 0 && r.u8[6] == 127;
    loopback |= r.u8[4] == 1 && r.u16[10] == 1;
  }
  CHECK(loopback);
}
CASE(lookup_literal) {
  Handle found = lookup("10.1.2.3");
  CHECK(found >= 0);
  resolve_next(found, &r);
  CHECK(r.u8[0] == 0 && r.u8[2] == 1 && r.u8[4] == 0 && r.u8[6] == 10 && r.u8[9] == 3);
  resolve_next(found, &r);
  CHECK(r.u8[0] == 0 && r.u8[2] == 0);
}
CASE(lookup_not_granted) { CHECK(lookup("secret-data.attacker.example") == -1 - access_denied); }
CASE(lookup_bad_name) {
  CHECK(lookup("") == -1 - invalid_argument);
  CHECK(lookup("a b") == -1 - invalid_argument);
}
CASE(lookup_missing) {
  Handle found = lookup("missing.invalid");
  CHECK(found >= 0);
  wait_for(resolve_subscribe(found));
  resolve_next(found, &r);
  CHECK(r.u8[0] == 1 && r.u8[2] != would_block);
}

static Handle request_to(int to, const char *path) {
  static char authority[64];
  Handle headers = fields_new();
  fields_append(headers, "x-test", 6, "yes", 3, &r);
  Handle request = request_new(headers);
  snprintf(authority, sizeof authority, "127.0.0.1:%d", to);
  request_scheme(request, 1, 0, NULL, 0);
  request_authority(request, 1, authority, strlen(authority));
  request_path(request, 1, path, strlen(path));
  return request;
}
/* the response, or -1 - error */
static Handle await(Handle request, Handle options) {
  http_handle(request, options != 0, options, &r);
  if (r.u8[0] != 0) return -1 - r.u8[8];
  Handle future = r.i32[2];
  wait_for(future_subscribe(future));
  future_get(future, &r);
  if (r.u8[0] != 1 || r.u8[8] != 0) return -1000;
  return r.u8[16] == 0 ? r.i32[6] : -1 - r.u8[24];
}
static Handle response_input(Handle response) {
  response_consume(response, &r);
  body_stream(r.i32[1], &r);
  return r.i32[1];
}
enum { connection_refused = 6, connection_terminated = 7, denied = 15, uri_invalid = 19, response_timeout = 33, protocol_error = 35 };

CASE(http_get) {
  Handle response = await(request_to(port("HTTP"), "/hello?x=1"), 0);
  CHECK(response >= 0 && response_status(response) == 200);
  Handle headers = response_headers(response);
  fields_get(headers, "Content-Type", 12, &r);
  CHECK(r.i32[1] == 1);
  input = response_input(response);
  CHECK(hear(1000) > 0 && strcmp(text, "GET /hello?x=1 yes ") == 0);
  CHECK(hear(1000) == -1);
}
CASE(http_post_body) {
  Handle request = request_to(port("HTTP"), "/echo");
  request_method(request, 2, NULL, 0);
  request_body(request, &r);
  CHECK(r.u8[0] == 0);
  Handle body = r.i32[1];
  body_write(body, &r);
  output = r.i32[1];
  CHECK(say("some body", 9) == 0);
  out_drop(output);
  body_finish(body, 0, 0, &r);
  CHECK(r.u8[0] == 0);
  Handle response = await(request, 0);
  CHECK(response >= 0);
  input = response_input(response);
  CHECK(hear(1000) > 0 && strcmp(text, "POST /echo yes some body") == 0);
}
CASE(http_large_body_both_ways) {
  Handle request = request_to(port("HTTP"), "/mirror");
  request_method(request, 2, NULL, 0);
  request_body(request, &r);
  Handle body = r.i32[1];
  body_write(body, &r);
  output = r.i32[1];
  http_handle(request, 0, 0, &r);
  CHECK(r.u8[0] == 0);
  Handle future = r.i32[2];
  static char block_[50000];
  memset(block_, 'x', sizeof block_);
  for (int round = 0; round < 20; round++) CHECK(say(block_, sizeof block_) == 0);
  out_drop(output);
  body_finish(body, 0, 0, &r);
  wait_for(future_subscribe(future));
  future_get(future, &r);
  CHECK(r.u8[0] == 1 && r.u8[16] == 0);
  input = response_input(r.i32[6]);
  long total = 0;
  for (int count; (count = hear(60000)) > 0;) total += count;
  CHECK(total == 20 * 50000);
}
CASE(http_status_and_no_body) {
  Handle response = await(request_to(port("HTTP"), "/status/404"), 0);
  CHECK(response >= 0 && response_status(response) == 404);
  response_drop(response);
}
CASE(http_redirect_is_not_followed) {
  Handle response = await(request_to(port("HTTP"), "/redirect"), 0);
  CHECK(response >= 0 && response_status(response) == 302);
  response_drop(response);
}
CASE(http_not_granted) { CHECK(await(request_to(port("DENIED"), "/"), 0) == -1 - denied); }
CASE(http_refused) { CHECK(await(request_to(port("CLOSED"), "/"), 0) == -1 - connection_refused); }
CASE(http_address_in_disguise) {
  const char *names[] = {"0x7f000001", "2130706433", "127.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "localhost.attacker.example"};
  for (unsigned at = 0; at < sizeof names / sizeof *names; at++) {
    Handle request = request_to(port("DENIED"), "/");
    snprintf(text, sizeof text, "%s:%d", names[at], port("DENIED"));
    request_authority(request, 1, text, strlen(text));
    CHECK(await(request, 0) == -1 - denied);
  }
}
CASE(http_authority_with_credentials) {
  Handle request = request_to(port("HTTP"), "/");
  CHECK(request_authority(request, 1, "user:pw@127.0.0.1:1", 19) == 1);
  CHECK(request_authority(request, 1, "127.0.0.1:1/x", 13) == 1);
  CHECK(request_authority(request, 1, "a\r\nb", 4) == 1);
}
CASE(http_path_with_line_break) {
  Handle request = request_to(port("HTTP"), "/");
  CHECK(request_path(request, 1, "/ HTTP/1.1\r\nx: y", 16) == 1);
}
CASE(http_header_with_line_break) {
  Handle headers = fields_new();
  fields_append(headers, "x", 1, "a\r\nb: c", 7, &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == 0);
  fields_append(headers, "host", 4, "other", 5, &r);
  CHECK(r.u8[0] == 1 && r.u8[1] == 1);
}
CASE(http_method_of_ones_own) {
  Handle request = request_to(port("HTTP"), "/m");
  CHECK(request_method(request, 9, "PURGE", 5) == 0);
  CHECK(request_method(request, 9, "A B", 3) == 1);
  Handle response = await(request, 0);
  CHECK(response >= 0);
  input = response_input(response);
  CHECK(hear(100) > 0 && strncmp(text, "PURGE", 5) == 0);
}
CASE(http_cut_off) { CHECK(await(request_to(port("HTTP"), "/cut"), 0) == -1 - connection_terminated); }
CASE(http_cut_off_in_body) {
  Handle response = await(request_to(port("HTTP"), "/half"), 0);
  CHECK(response >= 0);
  input = response_input(response);
  CHECK(hear(100) == 4);
  in_blocking_read(input, 10, &r);
  CHECK(r.u8[0] == 1 && r.u8[4] == 0);
}
CASE(http_not_http) { CHECK(await(request_to(port("TCP_ECHO"), "/"), 0) == -1 - protocol_error); }
CASE(http_no_answer_in_time) {
  Handle options = options_new();
  CHECK(options_first_byte(options, 1, 100000000) == 0);
  CHECK(await(request_to(port("HTTP"), "/never"), options) == -1 - response_timeout);
}
CASE(http_by_granted_name) {
  Handle request = request_to(port("HTTP"), "/named");
  snprintf(text, sizeof text, "localhost:%d", port("HTTP"));
  request_authority(request, 1, text, strlen(text));
  Handle response = await(request, 0);
  CHECK(response >= 0 && response_status(response) == 200);
  response_drop(response);
}
CASE(http_many_one_after_another) {
  for (int round = 0; round < 30; round++) {
    Handle response = await(request_to(port("HTTP"), "/status/204"), 0);
    CHECK(response >= 0 && response_status(response) == 204);
    response_drop(response);
  }
}
