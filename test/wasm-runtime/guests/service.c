/* A service that behaves as its path says: well, or in one of the ways in which services misbehave. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name))) extern
#define HTTP "wasi:http/types@0.2.0"
typedef int32_t Handle;

IMPORT(HTTP, "[constructor]fields") Handle fields_new(void);
IMPORT(HTTP, "[method]fields.append") void fields_append(Handle, const char *, int, const char *, int, void *);
IMPORT(HTTP, "[method]incoming-request.path-with-query") void request_path(Handle, void *);
IMPORT(HTTP, "[method]incoming-request.method") void request_method(Handle, void *);
IMPORT(HTTP, "[method]incoming-request.scheme") void request_scheme(Handle, void *);
IMPORT(HTTP, "[method]incoming-request.authority") void request_authority(Handle, void *);
IMPORT(HTTP, "[method]incoming-request.headers") Handle request_headers(Handle);
IMPORT(HTTP, "[method]incoming-request.consume") void request_consume(Handle, void *);
IMPORT(HTTP, "[method]fields.has") int fields_has(Handle, const char *, int);
IMPORT(HTTP, "[method]incoming-body.stream") void body_stream(Handle, void *);
IMPORT("wasi:io/streams@0.2.0", "[method]input-stream.blocking-read") void in_read(Handle, int64_t, void *);
IMPORT(HTTP, "[constructor]outgoing-response") Handle response_new(Handle);
IMPORT(HTTP, "[method]outgoing-response.set-status-code") int response_status(Handle, int);
IMPORT(HTTP, "[method]outgoing-response.body") void response_body(Handle, void *);
IMPORT(HTTP, "[method]outgoing-body.write") void body_write(Handle, void *);
IMPORT(HTTP, "[static]outgoing-body.finish") void body_finish(Handle, int, Handle, void *);
IMPORT(HTTP, "[static]response-outparam.set") void outparam_set(Handle, int, Handle, int, int64_t, int, int, int, int);
IMPORT("wasi:io/streams@0.2.0", "[method]output-stream.blocking-write-and-flush") void out_write(Handle, const void *, int, void *);
IMPORT("wasi:io/streams@0.2.0", "[resource-drop]output-stream") void out_drop(Handle);
IMPORT("wasi:random/random@0.2.0", "get-random-bytes") void random_bytes(int64_t, void *);

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
  (void)old_size, (void)align;
  return realloc(old, size);
}

static union {
  uint8_t u8[64];
  int32_t i32[16];
} r;
static int requests;

static void answer(Handle out, const char *text) {
  Handle response = response_new(fields_new());
  response_body(response, &r);
  Handle body = r.i32[1];
  outparam_set(out, 0, response, 0, 0, 0, 0, 0, 0);
  body_write(body, &r);
  Handle stream = r.i32[1];
  out_write(stream, text, strlen(text), &r);
  out_drop(stream);
  body_finish(body, 0, 0, &r);
}

static volatile int never;

__attribute__((export_name("wasi:http/incoming-handler@0.2.0#handle"))) void handle(Handle request, Handle out) {
  static char text[256];
  request_path(request, &r);
  char path[64] = "";
  memcpy(path, (char *)(intptr_t)r.i32[1], r.i32[2] < 63 ? r.i32[2] : 63);
  requests++;
  if (strcmp(path, "/about") == 0) {
    request_method(request, &r);
    int method = r.u8[0];
    request_scheme(request, &r);
    int scheme = r.u8[0] ? r.u8[4] : -1;
    request_authority(request, &r);
    int authority = r.u8[0] ? r.i32[2] : -1;
    int tested = fields_has(request_headers(request), "X-Test", 6);
    request_consume(request, &r);
    body_stream(r.i32[1], &r);
    in_read(r.i32[1], 100, &r);
    snprintf(text, sizeof text, "%d %d %d %d %.*s", method, scheme, authority > 0, tested, (int)r.i32[2], (char *)(intptr_t)r.i32[1]);
    return answer(out, text);
  }
  if (strcmp(path, "/spin") == 0) {
    while (!never) {
    }
  } else if (strcmp(path, "/sleep") == 0) {
    for (;;) usleep(1000000);
  } else if (strcmp(path, "/trap") == 0) {
    __builtin_trap();
  } else if (strcmp(path, "/exit") == 0) {
    exit(3);
  } else if (strcmp(path, "/silent") == 0) {
    return;
  } else if (strcmp(path, "/grow") == 0) {
    void *volatile block;
    do block = malloc(1 << 20);
    while (block != NULL);
    __builtin_trap();
  } else if (strcmp(path, "/random") == 0) {
    random_bytes(1000000000, &r);
  } else if (strcmp(path, "/headers") == 0) {
    Handle fields = fields_new();
    for (;;) fields_append(fields, "x-header", 8, "0123456789", 10, &r);
  } else if (strcmp(path, "/objects") == 0) {
    for (;;) fields_new();
  } else if (strcmp(path, "/open") == 0) {
    int count = 0;
    while (count < 100000 && open("/data/file", O_RDONLY) >= 0) count++;
    snprintf(text, sizeof text, "%d", count);
    return answer(out, text);
  } else if (strcmp(path, "/body") == 0) {
    Handle response = response_new(fields_new());
    response_body(response, &r);
    Handle body = r.i32[1];
    outparam_set(out, 0, response, 0, 0, 0, 0, 0, 0);
    body_write(body, &r);
    Handle stream = r.i32[1];
    static char block[65536];
    do out_write(stream, block, sizeof block, &r);
    while (r.u8[0] == 0);
    __builtin_trap();
  } else if (strcmp(path, "/log") == 0) {
    for (int line = 0; line < 200000; line++) puts("a line of a guest that talks too much, again and again and again and again");
    return answer(out, "told");
  }
  snprintf(text, sizeof text, "%d", requests);
  answer(out, text);
}
